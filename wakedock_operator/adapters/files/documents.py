"""YAML files as documents whose every value knows its line.

Scalars follow the core schema of YAML 1.2: `on` and `22:00` are text, not a boolean and the number 1320. Each document is read on its own,
so a mistake in one leaves the others of the file usable.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from wakedock_operator.resource.errors import Mistake, Place, Position, dotted

MAX_VALUES = 100_000
MAX_DEPTH = 64

_separator = re.compile(r"^(?:%.*\n)*---(?=[ \t]|$)", re.MULTILINE)
"""A document begins with its directives, such as `%YAML 1.2`."""
_only_directives = re.compile(r"(?:[ \t]*(?:#.*)?\n|%.*\n)*")
_tag = "tag:yaml.org,2002:"


class _CoreLoader(yaml.CSafeLoader):
    """Resolves plain scalars as YAML 1.2 does."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way to replace what a class resolves


for _name, _pattern, _first in (
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _CoreLoader.add_implicit_resolver(_tag + _name, re.compile(f"^(?:{_pattern})$"), _first)

_scalars: dict[str, Callable[[str], object]] = {
    _tag + "str": str,
    _tag + "null": lambda _: None,
    _tag + "bool": lambda text: text.lower() == "true",
    _tag + "int": lambda text: int(text, 0) if text[:2] in {"0o", "0x"} else int(text),
    _tag + "float": float,
}


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file. `value` is None where it cannot be read; then `mistakes` says why."""

    value: object
    line: int
    mistakes: tuple[Mistake, ...] = ()
    positions: dict[Place, Position] = field(default_factory=dict)

    def locate(self, place: Place) -> Position | None:
        """Where the key or list entry at `place` stands."""
        return self.positions.get(place)


def read_documents(text: str, *, file: str) -> Iterator[Document]:
    """The documents of `text`, empty ones left out. Never raises: what cannot be read is a document with mistakes."""
    starts = [0, *(match.start() for match in _separator.finditer(text))]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        part = text[start:end]
        if not _only_directives.fullmatch(part if part.endswith("\n") else part + "\n"):
            yield from _read_part(part, above=text.count("\n", 0, start), file=file)


def _what(error: yaml.MarkedYAMLError, text: str) -> str:
    if error.problem_mark is not None and text[error.problem_mark.index : error.problem_mark.index + 1] == "\t":
        return "a tab; indent with spaces"
    return error.problem or error.context or "it cannot be read"


def _read_part(text: str, *, above: int, file: str) -> Iterator[Document]:
    first_line = above + 1
    try:
        for node in yaml.compose_all(text, Loader=_CoreLoader):
            if isinstance(node, yaml.Node) and not _empty(node):
                first_line = above + node.start_mark.line + 1
                yield _Values(above, file).document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (above + mark.line + 1, mark.column + 1) if mark else (first_line, 1)
        message = "this is not YAML: " + _what(error, text)
        yield Document(None, line, (Mistake("", message, line=line, column=column, file=file),))
    except yaml.YAMLError as error:
        message = "this is not YAML: " + str(error).splitlines()[0]
        yield Document(None, first_line, (Mistake("", message, line=first_line, column=1, file=file),))


def _empty(node: yaml.Node) -> bool:
    """Nothing at all is written there, as after the last `---` of a file."""
    return isinstance(node, yaml.ScalarNode) and node.start_mark.index == node.end_mark.index


class _Refused(Exception):
    """The document cannot become a value as a whole."""


class _Values:
    """Turns the nodes of one document into values and remembers where they stand."""

    def __init__(self, above: int, file: str) -> None:
        self._above = above
        self._file = file
        self._count = 0
        self._positions: dict[Place, Position] = {}
        self._mistakes: list[Mistake] = []

    def document(self, node: yaml.Node) -> Document:
        self._positions[()] = line, column = self._position(node)
        try:
            value = self._value(node, ())
        except _Refused as refused:
            return Document(None, line, (Mistake("", str(refused), line=line, column=column, file=self._file),))
        return Document(value, line, tuple(self._mistakes), self._positions)

    def _value(self, node: yaml.Node, place: Place) -> object:
        self._count += 1
        if self._count > MAX_VALUES or len(place) > MAX_DEPTH:
            raise _Refused(
                f"this document is too large: at most {MAX_VALUES} values, nested at most {MAX_DEPTH} deep (aliases count fully)"
            )
        match node:
            case yaml.MappingNode():
                return self._mapping(node, place)
            case yaml.SequenceNode():
                return [self._entry(each, (*place, index)) for index, each in enumerate(node.value)]
            case _:
                return self._scalar(node, place)

    def _entry(self, node: yaml.Node, place: Place) -> object:
        self._positions[place] = self._position(node)
        return self._value(node, place)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, object]:
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._mistake(key_node, place, "the name of a field must be plain text")
                continue
            key = key_node.value
            here = (*place, key)
            if key in found:
                first, _ = self._positions[here]
                self._mistake(key_node, here, f"this field is there twice; the first is in line {first}")
                continue
            self._positions[here] = self._position(key_node)
            found[key] = self._value(value_node, here)
        return found

    def _scalar(self, node: yaml.Node, place: Place) -> object:
        read = _scalars.get(node.tag)
        try:
            if read is not None:
                return read(node.value)
        except ValueError:
            pass
        self._mistake(node, place, f"{node.value!r} cannot be read as {node.tag.removeprefix(_tag)!r}; take the tag out")
        return None

    def _position(self, node: yaml.Node) -> Position:
        return self._above + node.start_mark.line + 1, node.start_mark.column + 1

    def _mistake(self, node: yaml.Node, place: Place, message: str) -> None:
        line, column = self._position(node)
        self._mistakes.append(Mistake(dotted(place), message, line=line, column=column, file=self._file))
