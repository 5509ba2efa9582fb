"""Tags become what they name, all of them or none; `git` and `docker` stand in for the registries."""

from pathlib import Path

import pytest

from hack import pin

COMMIT, DIGEST = "1" * 40, f"sha256:{'2' * 64}"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's own workflows and Dockerfile, and programs that know every tag."""
    workflows = tmp_path / ".github/workflows"
    workflows.mkdir(parents=True)
    for each in (pin.ROOT / ".github/workflows").glob("*.yaml"):
        (workflows / each.name).write_text(each.read_text())
    (tmp_path / "Dockerfile").write_text((pin.ROOT / "Dockerfile").read_text())
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    answer(programs / "git", f"{COMMIT}\trefs/tags/v4")
    answer(programs / "docker", DIGEST)
    pin.commit.cache_clear()
    return tmp_path


def answer(program: Path, text: str, *, code: int = 0) -> None:
    program.write_text(f"#!/bin/sh\necho '{text}'\nexit {code}\n")
    program.chmod(0o755)


def texts(tree: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in (*(tree / ".github/workflows").glob("*.yaml"), tree / "Dockerfile")}


def test_every_action_and_the_base_image_are_pinned(tree: Path):
    pin.main(tree)
    found = texts(tree)
    uses = [line.split("uses: ")[1] for text in found.values() for line in text.splitlines() if "uses: " in line]
    assert uses
    assert [each for each in uses if f"@{COMMIT} # v" not in each] == []
    assert f"\nARG BASE=docker.io/library/debian:13-slim@{DIGEST}\n" in found[tree / "Dockerfile"]
    pin.main(tree)
    assert texts(tree) == found, "a second time changes nothing"


@pytest.mark.parametrize("missing", ["git", "docker"])
@pytest.mark.parametrize("how", ["says no", "is not installed"])
def test_what_cannot_be_resolved_leaves_everything_as_it_was(tree: Path, missing: str, how: str):
    before = texts(tree)
    if how == "says no":
        answer(tree / "bin" / missing, "", code=2)
    else:
        (tree / "bin" / missing).unlink()
    with pytest.raises(SystemExit, match="nothing was changed"):
        pin.main(tree)
    assert texts(tree) == before
