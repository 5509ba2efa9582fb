"""Text of apps and clients on somebody's terminal: what a terminal would obey, or read in another direction, is made visible."""

from typing import Any

_MARK = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """`text` with a mark for each control or format character but line ends and tabs."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else _MARK for c in text)


def all_printable(value: Any) -> Any:
    """The same for every text in a JSON value."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [all_printable(each) for each in value]
    if isinstance(value, dict):
        return {key: all_printable(each) for key, each in value.items()}
    return value
