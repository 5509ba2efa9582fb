"""A hundred apps woken at once, against starting the same hundred processes by hand."""

import asyncio
import statistics
import subprocess
import time
from dataclasses import dataclass

from tests.e2e.installation import Installation, free_port

from .asking import control, get, until_answered
from .place import Place, command, wakedock
from .rows import Row, percentile, spread

PACE = 0.02
"""Seconds between two questions to a process that was started by hand."""


@dataclass(frozen=True, slots=True)
class Size:
    """So many apps, so many times."""

    apps: int = 100
    rounds: int = 3


FULL, QUICK = Size(), Size(apps=4, rounds=1)


async def measure(size: Size, where: Place) -> list[Row]:
    """In turns; the times are until the last one has answered."""
    woken: list[float] = []
    each: list[float] = []
    started: list[float] = []
    names = {f"s{number}": 0.0 for number in range(size.apps)}
    async with wakedock(where, names) as installation, control(installation) as controls:
        for _ in range(size.rounds):
            started.append(await _by_hand(size.apps))
            took, waits = await _wake(installation, list(names))
            woken.append(took)
            each += waits
            await controls.until_serving("Awake", *names)
            await controls.put_to_sleep(*names)
    ratio = [a / b for a, b in zip(woken, started, strict=True)]
    return [
        Row(
            f"{size.apps} apps woken at once, until the last has answered",
            f"{statistics.median(woken):.2f} s; one waits {percentile(each, 50):.2f} s (p50), {percentile(each, 99):.2f} s (p99)",
            f"{statistics.median(started):.2f} s for the same processes started by hand: {spread(ratio)} times that",
            samples={"seconds": woken, "seconds_by_hand": started, "seconds_each": each},
        )
    ]


async def _wake(installation: Installation, names: list[str]) -> tuple[float, list[float]]:
    began = time.monotonic()
    answers = await asyncio.gather(*(get(installation.port, f"{name}.localhost") for name in names))
    assert all(answer.status == 200 for answer in answers), answers
    return time.monotonic() - began, [answer.first_byte for answer in answers]


async def _by_hand(apps: int) -> float:
    ports = set[int]()
    while len(ports) < apps:
        ports.add(free_port())
    began = time.monotonic()
    processes = [subprocess.Popen(command(str(port))) for port in ports]
    try:
        await asyncio.gather(*(until_answered(port, PACE) for port in ports))
        return time.monotonic() - began
    finally:
        for process in processes:
            process.kill()
            process.wait()
