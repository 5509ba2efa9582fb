"""The table: on the terminal while it grows, as Markdown and as JSON afterwards."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .machine import Machine
from .rows import Row

VERDICT = {True: "yes", False: "no", None: ""}
HEAD = ("", "Measured", "Beside it, in the same run", "Aim", "Met")

ROWS = Path(__file__).with_name("README.md")
"""What each row means."""

Results = Mapping[str, Sequence[Row]]


def show(machine: Machine, results: Results, console: Console) -> None:
    """Print everything."""
    table = Table(*HEAD, title=_conditions(machine), show_lines=True)
    for rows in results.values():
        for row in rows:
            table.add_row(row.what, row.measured, row.beside, row.aim, VERDICT[row.met])
    console.print(table)


def write(folder: Path, machine: Machine, results: Results, seconds: float) -> Path:
    """Write `DATE-MACHINE.md` and `.json`; returns the former. A later run of the same day on the same machine replaces them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{machine.date}-{machine.name}.md"
    path.write_text(_markdown(machine, results, seconds, explained=os.path.relpath(ROWS, folder)))
    numbers = {
        "machine": asdict(machine) | {"shared": machine.shared},
        "seconds": round(seconds),
        "groups": {name: [asdict(row) for row in rows] for name, rows in results.items()},
    }
    path.with_suffix(".json").write_text(json.dumps(_rounded(numbers), indent=1) + "\n")
    return path


def _markdown(machine: Machine, results: Results, seconds: float, *, explained: str) -> str:
    lines = [
        f"# Measured on {machine.date}",
        "",
        f"- {_conditions(machine)}",
        f"- {machine.processor}, kernel {machine.kernel}",
        f"- load average before the run: {machine.load_before}{' (others were at work too)' if machine.shared else ''}",
        f"- the run took {seconds / 60:.0f} minutes",
        "",
        f"What each row means: [bench/README.md]({explained}).",
    ]
    for name, rows in results.items():
        lines += ["", f"## {name}", "", f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
        lines += [f"| {row.what} | {row.measured} | {row.beside} | {row.aim} | {VERDICT[row.met]} |" for row in rows]
    return "\n".join(lines) + "\n"


def _conditions(machine: Machine) -> str:
    return (
        f"WakeDock {machine.wakedock}, Caddy {machine.caddy}, Python {machine.python}; {machine.cores} cores, {machine.memory} GB of memory"
    )


def _rounded(value: object) -> object:
    """Six significant digits are more than was measured."""
    match value:
        case float():
            return float(f"{value:.6g}")
        case dict():
            return {key: _rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [_rounded(each) for each in value]
        case _:
            return value
