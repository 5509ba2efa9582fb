"""How lists are printed."""

import json
from collections.abc import Sequence
from enum import StrEnum
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table


class Format(StrEnum):
    """Forms of a list."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"


Output = Annotated[Format, typer.Option("-o", "--output", help="`table`, `wide` (more columns) or `json`.")]


WHOLE = 1000
"""Characters that hold any sentence of WakeDock, its advice at the end included."""


def one_line(text: str, *, limit: int = 200) -> str:
    """For a line or a cell: a failure's message may end in lines of its log."""
    return shorten(text, limit, placeholder=" …")


def print_json(value: Any) -> None:
    """For programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """Columns without lines around them, nothing in them taken for markup."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """On a terminal as wide as it is; elsewhere as wide as it needs, so that nothing is cut or folded."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
        for row in (columns, *rows):
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    console.print(table(columns, rows))
