"""What the pages show is right: definitions pass `wakedock check`, options and commands exist, links lead somewhere."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import typer
import yaml

from tests.docs.blocks import PAGES, ROOT, Block, blocks
from wakedock_operator.adapters.files.check import check
from wakedock_operator.adapters.process.definition import refusals
from wakedock_operator.cli.configuration import load
from wakedock_operator.cli.main import app
from wakedock_operator.cli.settings import configuration_schema
from wakedock_operator.resource import WakeService
from wakedock_operator.resource.backends import Backend
from wakedock_operator.resource.backends import refusal as kubernetes_refusal

HAND_WRITTEN = [page for page in PAGES if "reference" not in page.parts]
YAML = [block for page in PAGES for block in blocks(page, "yaml")]
SHELL = [block for page in HAND_WRITTEN for block in blocks(page, "sh")]


def complete(document: dict[str, object]) -> dict[str, object]:
    """A definition; one of which a page shows only a part of the spec gets the rest that every definition has."""
    if document.get("kind") == "WakeService":
        return document
    assert set(document) == {"spec"}, document
    spec = document["spec"]
    assert isinstance(spec, dict)
    rest = {"hosts": ["shown.example.org"], "app": {"command": ["true"]}}
    return {"apiVersion": "wakedock.dev/v1alpha1", "kind": "WakeService", "metadata": {"name": "shown"}, "spec": {**rest, **spec}}


def of_kind(*kinds: str) -> list[Block]:
    """The YAML blocks with one of these marks; with none, those that show WakeServices."""
    return [block for block in YAML if block.marks == set(kinds)]


@pytest.mark.parametrize("block", of_kind(), ids=str)
def test_definitions_have_no_mistake(block: Block, tmp_path: Path):
    documents = [complete(document) for document in yaml.safe_load_all(block.content)]
    known = {document["metadata"]["name"] for document in documents if isinstance(document["metadata"], dict)}
    needed = {name for document in documents if isinstance(spec := document["spec"], dict) for name in spec.get("dependsOn", [])}
    # A page may show one of several that it has spoken of before.
    documents += [complete({"spec": {"hosts": []}}) | {"metadata": {"name": name}} for name in needed - known]
    file = tmp_path / "shown.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    assert [str(mistake) for mistake in check([file], refusals)] == []


@pytest.mark.parametrize("block", of_kind("config"), ids=str)
def test_configurations_can_be_loaded(block: Block, tmp_path: Path):
    file = tmp_path / "wakedock.yaml"
    file.write_text(block.content)
    assert load({}, {}, config=file).files
    jsonschema.validate(yaml.safe_load(block.content), configuration_schema())


@pytest.mark.parametrize("block", of_kind("prometheus"), ids=str)
def test_scrape_configurations_ask_where_wakedock_listens(block: Block):
    (job,) = yaml.safe_load(block.content)["scrape_configs"]
    assert job["static_configs"][0]["targets"][0].endswith(":9180")


@pytest.mark.parametrize("block", of_kind("kubernetes"), ids=str)
def test_definitions_for_kubernetes_have_no_mistake(block: Block):
    for document in yaml.safe_load_all(block.content):
        assert kubernetes_refusal(WakeService.from_document(document), Backend.KUBERNETES) is None


@pytest.mark.parametrize("block", of_kind("manifest"), ids=str)
def test_other_manifests_are_whole(block: Block):
    for document in yaml.safe_load_all(block.content):
        assert document["apiVersion"]
        assert document["kind"]
        assert document["metadata"]["name"]


def test_every_yaml_block_is_one_of_these():
    kinds = ((), ("config",), ("prometheus",), ("kubernetes",), ("manifest",))
    assert len(YAML) == sum(len(of_kind(*kind)) for kind in kinds)


def command_lines() -> Iterator[tuple[Block, str]]:
    """Every `wakedock …` in the pages' shell blocks."""
    for block in SHELL:
        for line in block.content.splitlines():
            for part in re.split(r"&&|\||;", line):
                words = part.strip()
                if re.match(r"(\S+/)?wakedock ", words):
                    yield block, words


@pytest.mark.parametrize("block, line", list(command_lines()), ids=lambda each: str(each) if isinstance(each, Block) else "")
def test_commands_exist_with_their_options(block: Block, line: str):
    _, name, *words = shlex.split(line, comments=True)
    if name == "--version":
        return
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    context = typer.Context(group)
    command = group.get_command(context, name)
    assert command is not None, line
    command.make_context(name, [*words])


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_make_targets_and_files_of_the_project_exist(block: Block):
    for target in re.findall(r"^make ((?:[a-z-]+ ?)+)", block.content, re.MULTILINE):
        for name in target.split():
            assert re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target
    for file in re.findall(r"(?:examples|requirements|hack)/[\w./-]+", block.content):
        assert (ROOT / file).exists(), file


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in found}


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "bench").rglob("*.md"))], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@pytest.mark.parametrize("folder", ["how-to", "explanation"])
def test_every_page_is_listed_in_its_folder(folder: str):
    index = (ROOT / "docs" / folder / "README.md").read_text()
    assert [page.name for page in (ROOT / "docs" / folder).glob("*.md") if page.name != "README.md" and page.name not in index] == []


def test_every_metric_in_the_pages_exists():
    known = set(re.findall(r"`(wakedock_\w+)`", (ROOT / "docs/reference/metrics.md").read_text()))
    for page in HAND_WRITTEN:
        for name in re.findall(r"\bwakedock_(?!operator)\w+", page.read_text()):
            assert name in known or name.removesuffix("_bucket") in known, (page, name)


def test_the_example_configuration_is_what_the_schema_publishes():
    file = ROOT / "examples/wakedock.yaml"
    jsonschema.validate(yaml.safe_load(file.read_text()), configuration_schema())
    settings = load({}, {}, config=file)
    assert settings.files == (ROOT / "examples/services",)
