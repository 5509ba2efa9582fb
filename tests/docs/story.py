"""A page whose blocks are read from top to bottom by somebody who types what it says.

`yaml` and `python`: the first line, a comment, names the file that the block is saved as.
`sh`: typed as it is. With `setup`: only the reader does it. With `background`: typed in a terminal of its own, and left running.
With `until`: looked at again until it shows what the page shows. With `fails`: it says no.
`text`: what the block above it prints. Numbers, times and the room between columns may differ; `…` stands for anything.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.docs.blocks import Block, blocks

PATIENCE = 60.0
"""Seconds for which a reader looks again before they give up."""

_number = re.compile(r"\d[\d.:+-]*(?:T[\d.:+-]+)?(?: ?(?:ms|s|m|h|d)\b)?")


def normal(line: str) -> str:
    """A line without what differs from one run to the next."""
    line = re.sub(r"\s+", " ", line).strip()
    return re.sub(r"#( #)*", "#", _number.sub("#", line))


def shows(output: str, expected: str) -> bool:
    """Whether the output has the expected lines, in their order, others between them or not."""
    lines = iter([normal(line) for line in output.splitlines()])
    return all(any(_matches(line, normal(wanted)) for line in lines) for wanted in expected.splitlines() if wanted.strip() not in {"", "…"})


def _matches(line: str, wanted: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in wanted.split("…")), line) is not None


@dataclass(frozen=True, slots=True)
class Step:
    """A block, and what it is to print."""

    block: Block
    expected: str = ""


def steps(page: Path) -> Iterator[Step]:
    """What a reader of the page does."""
    last: Block | None = None
    for block in [*blocks(page), None]:
        if block is not None and block.language == "text" and last is not None:
            yield Step(last, block.content)
            last = None
            continue
        if last is not None:
            yield Step(last)
        last = block


@dataclass(slots=True)
class Reader:
    """Somebody at a terminal, with a home of their own and `wakedock` installed. Use it as an asynchronous context."""

    home: Path
    environment: dict[str, str]
    port: int
    background: list[asyncio.subprocess.Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        program = self.home / "bin" / "wakedock"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m wakedock_operator "$@"\n')
        program.chmod(0o755)
        paths = f"{program.parent}:{os.environ['PATH']}"
        self.environment = {"PATH": paths, "HOME": str(self.home), "NO_COLOR": "1", "COLUMNS": "160", **self.environment}
        (self.home / ".cwd").write_text(str(self.home))

    @property
    def folder(self) -> Path:
        """Where the reader is."""
        return Path((self.home / ".cwd").read_text().strip())

    async def follow(self, page: Path) -> None:
        """Do all that a page says. Raises AssertionError at the first block that does not do what the page says."""
        for step in steps(page):
            print(step.block)
            await self.do(step)

    async def do(self, step: Step) -> None:
        """Do what one block says."""
        block = step.block
        if block.language in {"yaml", "python"}:
            self._save(block)
        elif block.language == "sh" and "background" in block.marks:
            await self._leave_running(block, step.expected)
        elif block.language == "sh" and "setup" not in block.marks:
            await self._type(block, step.expected)

    def _save(self, block: Block) -> None:
        first, _, _ = block.content.partition("\n")
        name = re.fullmatch(r"# ([\w./-]+\.(?:yaml|py))", first)
        assert name is not None, f"{block}: its first line does not name the file"
        file = self.folder / name[1]
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch = file.with_suffix(".new")
        scratch.write_text(block.content)
        scratch.replace(file)

    async def _type(self, block: Block, expected: str) -> None:
        output = ""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    code, output = await self._run(block)
                    if "until" not in block.marks:
                        assert (code != 0) == ("fails" in block.marks), f"{block}: exit code {code}\n{output}"
                        assert shows(output, expected), f"{block}: expected\n{expected}\nin\n{output}"
                    if shows(output, expected):
                        return
        except TimeoutError:
            raise AssertionError(f"{block}: expected\n{expected}\nin\n{output}") from None

    async def _run(self, block: Block) -> tuple[int, str]:
        cwd = self.home / ".cwd"
        script = f"cd \"$(cat {cwd})\"\ntrap 'pwd > {cwd}' EXIT\n{self._here(block.content)}"
        process = await asyncio.create_subprocess_exec(
            *("bash", "-eo", "pipefail", "-c", script),
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()

    def _here(self, content: str) -> str:
        return content.replace(":8080", f":{self.port}")

    async def _leave_running(self, block: Block, expected: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", f"exec {self._here(block.content.strip())}"),
            env=self.environment,
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self.background.append(process)
        assert process.stdout is not None
        output = ""
        while not shows(output, expected):
            line = await process.stdout.readline()
            assert line, f"{block}: ended with\n{output}"
            output += line.decode()

    def left(self) -> list[psutil.Process]:
        """The processes that the reader started, by the paths in their commands and environments."""
        own = (str(self.home), self.environment["WAKEDOCK_RUNTIME"])
        return [process for process in psutil.process_iter() if any(path in word for word in _words(process) for path in own)]

    async def interrupt(self) -> list[int]:
        """Ctrl-C in every other terminal; returns the exit codes."""
        for process in self.background:
            process.send_signal(signal.SIGINT)
        ended = [await process.communicate() for process in self.background]
        assert len(ended) == len(self.background)
        return [process.returncode if process.returncode is not None else -1 for process in self.background]


def _words(process: psutil.Process) -> list[str]:
    try:
        return [*process.cmdline(), *process.environ().values()]
    except psutil.Error:
        return []
