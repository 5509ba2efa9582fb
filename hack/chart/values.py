"""The values of the chart, with the comments that describe them.

A value is described by the comment lines right above it. A line `# @schema {…}` among them adds to its JSON Schema.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent.parent.parent / "charts" / "wakedock"
MARK = "@schema"


@dataclass(frozen=True, slots=True)
class Value:
    """One value: where it stands, what it is by default, what the comment says, and what the schema says beyond its type."""

    path: tuple[str, ...]
    default: Any
    description: str
    schema: dict[str, Any]
    parts: tuple["Value", ...]
    """The values below it; empty for a value that users replace as a whole."""

    def leaves(self) -> Iterator["Value"]:
        """This value, or those below it."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()


def read_values() -> tuple[Value, ...]:
    """The top-level values in the order of the file."""
    text = (CHART / "values.yaml").read_text()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return tuple(_values(root, (), text.splitlines()))


def _values(node: yaml.Node | None, above: tuple[str, ...], lines: list[str]) -> Iterator[Value]:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        path = (*above, key.value)
        description, schema = comment(lines, key.start_mark.line)
        # Written on one line, or as an object that Kubernetes defines: a whole.
        block = isinstance(value, yaml.MappingNode) and not value.flow_style and not description
        parts = tuple(_values(value, path, lines)) if block else ()
        default = yaml.safe_load(yaml.serialize(value))
        if not parts and not description:
            raise ValueError(f"values.yaml: {'.'.join(path)} has no comment that says what it is")
        yield Value(path, default, description, schema, parts)


def comment(lines: list[str], number: int) -> tuple[str, dict[str, Any]]:
    """The words and the schema of the comment above line `number`, which counts from 0."""
    found: list[str] = []
    indent = len(lines[number]) - len(lines[number].lstrip())
    while number and lines[number - 1].startswith(" " * indent + "#"):
        number -= 1
        found.insert(0, lines[number].strip().removeprefix("#").strip())
    words = " ".join(line for line in found if not line.startswith(MARK))
    schema: dict[str, Any] = {}
    for line in found:
        if line.startswith(MARK):
            schema |= yaml.safe_load(line.removeprefix(MARK))
    return words, schema
