"""`python -m bench`: measure everything side by side, print the table, write it to bench/results/."""

import argparse
import asyncio
import logging
import sys
import time
from pathlib import Path

import structlog
from rich.console import Console

from . import crowd, drains, held, idle, many, neighbours, wakes, warm
from .machine import describe
from .place import place
from .report import show, write
from .rows import Row

GROUPS = {
    "warm": warm,
    "many": many,
    "wakes": wakes,
    "crowd": crowd,
    "drains": drains,
    "neighbours": neighbours,
    "held": held,
    "idle": idle,
}
RESULTS = Path(__file__).with_name("results")
WIDTH = 180
LONGEST = 300.0
"""Seconds after which a group is given up: nothing waits for ever, unattended."""


async def measure(names: list[str], *, quick: bool, results: Path | None) -> bool:
    """Run the groups one after the other; a group that fails is told, and the others go on. Returns whether none failed."""
    progress = Console(stderr=True, width=WIDTH)
    machine = await describe()
    if machine.shared:
        progress.print(f"This machine is busy (load average {machine.load_before}): times will be too long, and ratios uncertain.")
    began = time.monotonic()
    found: dict[str, list[Row]] = {}
    failed: list[str] = []
    for name in names:
        started = time.monotonic()
        try:
            with place() as where:
                async with asyncio.timeout(LONGEST):
                    found[name] = await GROUPS[name].measure(GROUPS[name].QUICK if quick else GROUPS[name].FULL, where)
        except (OSError, EOFError, RuntimeError, AssertionError, ExceptionGroup) as error:
            progress.print_exception()
            failed.append(name)
            found[name] = [Row(f"{name}: not measured", f"{type(error).__name__}")]
        progress.print(f"{name} ({time.monotonic() - started:.0f} s)")
        for row in found[name]:
            progress.print(f"  {row.what}: {row.measured}", highlight=False)
    show(machine, found, Console(width=WIDTH))
    if results is not None:
        progress.print(f"written: {write(results, machine, found, time.monotonic() - began).name}")
    return not failed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure WakeDock. What each row means: bench/README.md.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"only these: {', '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works; nothing is written")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where the files go (bench/results)")
    options = parser.parse_args()
    unknown = [name for name in options.groups if name not in GROUPS]
    if unknown:
        parser.error(f"there is no group {unknown[0]!r}; there are {', '.join(GROUPS)}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    complete = not options.groups and not options.quick
    good = asyncio.run(measure(options.groups or list(GROUPS), quick=options.quick, results=options.results if complete else None))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
