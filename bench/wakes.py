"""Asleep: what a request that wakes an app waits for, beyond what the app itself needs to start; and memory with 40 services."""

import asyncio
import random
import statistics
import subprocess
import time
from dataclasses import dataclass

from tests.e2e.installation import Installation, free_port

from .asking import Answer, control, get, until_answered
from .place import Place, command, wakedock, wakedock_pid
from .procfs import memory
from .rows import Row, ms, percentile


@dataclass(frozen=True, slots=True)
class Size:
    """`services` apps are woken one after the other, put to sleep, and woken again, `rounds` times; as many starts by hand go between."""

    services: int = 40
    woken: int = 12
    rounds: int = 10
    delays: tuple[float, float] = (0.05, 0.45)
    """Seconds (from, to) for which the apps do nothing before they listen: each another time, so that no pace of probes fits them all."""
    settle: float = 3.0
    """Seconds from the start to the look at the memory."""


FULL, QUICK = Size(), Size(services=4, woken=2, rounds=1, delays=(0.01, 0.05), settle=0.0)


async def measure(size: Size, where: Place) -> list[Row]:
    """Cold and by hand in turns."""
    chance = random.Random(size.services)
    delays = {f"s{number}": chance.uniform(*size.delays) for number in range(size.services)}
    cold: list[float] = []
    own: list[float] = []
    async with wakedock(where, delays) as installation, control(installation) as controls:
        await asyncio.sleep(size.settle)
        idle = _memory(installation)
        names = list(delays)[: size.woken]
        for _ in range(size.rounds):
            for name in names:
                cold.append(await _cold(installation, name))
                await controls.until_serving("Awake", name)
                own.append(await _by_hand(delays[name]))
            await controls.put_to_sleep(*names)
        used = _memory(installation)
    rest = statistics.median(own)
    return [_overhead([each - rest for each in cold], rest), _idle_memory(size, idle, used, len(cold))]


async def _cold(installation: Installation, name: str) -> float:
    """Time to the first byte, without the time between the app's first line and its listening."""
    answer = await get(installation.port, f"{name}.localhost")
    assert answer.status == 200, answer
    return answer.first_byte - _preparing(answer)


async def _by_hand(delay: float) -> float:
    """The same for a process that is started and asked at once, again and again: what is left is the start of the interpreter."""
    port = free_port()
    began = time.monotonic()
    process = subprocess.Popen(command(str(port), delay))
    try:
        answer = await until_answered(port, 0.001)
        return time.monotonic() - began - _preparing(answer)
    finally:
        process.kill()
        process.wait()


def _preparing(answer: Answer) -> float:
    said = answer.document
    return float(said["listened"]) - float(said["began"])


def _overhead(overheads: list[float], rest: float) -> Row:
    median, worst = percentile(overheads, 50), percentile(overheads, 99)
    return Row(
        f"hold: first byte of {len(overheads)} wakes, without the app's own start",
        f"p50 {ms(median)}, p90 {ms(percentile(overheads, 90))}, p99 {ms(worst)}",
        f"the app's own start, by hand: {ms(rest)} and what it does before it listens",
        "p50 ≤ 20 ms, p99 ≤ 100 ms",
        median <= 0.02 and worst <= 0.1,
        {"overhead_seconds": overheads},
    )


def _memory(installation: Installation) -> tuple[float, float]:
    return memory(wakedock_pid(installation)), memory(installation.caddy_pid())


def _idle_memory(size: Size, idle: tuple[float, float], used: tuple[float, float], wakes: int) -> Row:
    return Row(
        f"memory of the Python process, {size.services} services",
        f"{idle[0]:.0f} MB after the start, {used[0]:.0f} MB after {wakes} wakes",
        f"Caddy: {idle[1]:.0f} MB, {used[1]:.0f} MB",
        "≤ 90 MB",
        max(idle[0], used[0]) <= 90,
        {"python_mb": [idle[0], used[0]], "caddy_mb": [idle[1], used[1]]},
    )
