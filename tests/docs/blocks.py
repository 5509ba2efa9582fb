"""The fenced blocks of a Markdown page."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "examples/README.md", *(ROOT / "docs").rglob("*.md")]
)

_fence = re.compile(r"^(?P<indent> *)```(?P<info>[^`\n]*)\n(?P<content>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. The first word after the fence is its language; further ones tell the tests what a reader does with it."""

    page: Path
    line: int
    language: str
    marks: frozenset[str]
    content: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, *languages: str) -> Iterator[Block]:
    """The blocks of a page in these languages (in all, when none is named), in their order."""
    text = page.read_text(encoding="utf-8")
    for found in _fence.finditer(text):
        language, *marks = found["info"].split() or [""]
        if not languages or language in languages:
            line = text.count("\n", 0, found.start()) + 1
            yield Block(page, line, language, frozenset(marks), found["content"])
