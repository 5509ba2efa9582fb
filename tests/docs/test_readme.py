"""The README's commands, typed as they stand there."""

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Block, blocks
from tests.docs.story import Reader, Step

README = ROOT / "README.md"


def using() -> tuple[Block, list[str]]:
    """The block below the definition, and its command lines."""
    definition, *rest = [block for block in blocks(README, "yaml", "sh") if block.line > _line("## Use it")]
    assert definition.language == "yaml"
    return definition, rest[0].content.splitlines()


def _line(heading: str) -> int:
    return README.read_text().splitlines().index(heading) + 1


@pytest.mark.e2e
@pytest.mark.caddy
@pytest.mark.skipif(shutil.which("curl") is None, reason="readers use curl: apt-get install curl")
async def test_the_definition_of_the_readme_is_served_and_its_commands_work(reader: Reader):
    definition, lines = using()
    (reader.home / "services").mkdir()
    (reader.home / "services/hello.yaml").write_text(definition.content)
    commands = [line.partition("#")[0].strip() for line in lines]
    assert commands[0] == "wakedock run -f services/"
    await reader.do(Step(_block(commands[0], "background"), "… ready …"))
    await reader.do(Step(_block(commands[1]), "hello  hello.localhost  asleep  NeverWoken …"))
    await reader.do(Step(_block("curl http://hello.localhost:8080/"), "…hello.yaml…"))
    for command in commands[2:]:
        await reader.do(Step(_block(command)))
    await reader.do(Step(_block("wakedock ls"), "hello  hello.localhost  awake  … its pin ends in …"))
    await reader.do(Step(_block("rm services/hello.yaml")))
    await reader.do(Step(_block("wakedock ls -o json", "until"), "[]"))
    assert await reader.interrupt() == [0]


def _block(content: str, *marks: str) -> Block:
    return Block(README, _line("## Use it"), "sh", frozenset(marks), content + "\n")


@pytest.mark.e2e
@pytest.mark.caddy
async def test_what_make_demo_starts_holds_what_it_claims(tmp_path: Path):
    assert "$(BIN)/wakedock demo" in (ROOT / "Makefile").read_text()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wakedock_operator", "demo"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert b"Everything held" in output
