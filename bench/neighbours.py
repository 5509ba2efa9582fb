"""What the requests of an awake app notice of others' sleeps and wakes."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from tests.e2e.installation import Installation, free_port

from .asking import Control, control, get, until_answered
from .place import Place, command, load, wakedock
from .rows import Row, ms, percentile


@dataclass(frozen=True, slots=True)
class Size:
    """Rounds of so many seconds in each mode, at `connections / pause` requests a second."""

    rounds: int = 5
    seconds: float = 4.0
    connections: int = 4
    pause: float = 0.01


FULL, QUICK = Size(), Size(rounds=1, seconds=0.5)


@dataclass(slots=True)
class Mode:
    """What happens beside the requests, and how long they took."""

    beside: Callable[[], AbstractAsyncContextManager[None]]
    latencies: list[float] = field(default_factory=list)

    async def round(self, size: Size, port: int) -> None:
        async with self.beside():
            said = await load(port, "awake.localhost", connections=size.connections, seconds=size.seconds, pause=size.pause, samples=True)
        self.latencies += said["samples"]


@dataclass(slots=True)
class Switching:
    """Sleeps and wakes one service again and again; or starts and ends the same process by hand, as often."""

    installation: Installation
    controls: Control
    cycles: int = 0
    spent: float = 0.0

    @asynccontextmanager
    async def nothing(self) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def sleeps_and_wakes(self) -> AsyncIterator[None]:
        async with _beside(self._switch_again()):
            yield

    @asynccontextmanager
    async def by_hand(self) -> AsyncIterator[None]:
        async with _beside(self._start_again()):
            yield

    async def _switch_again(self) -> None:
        while True:
            began = time.monotonic()
            assert (await get(self.installation.port, "other.localhost")).status == 200
            await self.controls.until_serving("Awake", "other")
            await self.controls.put_to_sleep("other")
            self.cycles += 1
            self.spent += time.monotonic() - began

    async def _start_again(self) -> None:
        while True:
            began = time.monotonic()
            port = free_port()
            process = subprocess.Popen(command(str(port)))
            try:
                await until_answered(port, 0.01)
            finally:
                process.kill()
                process.wait()
            await asyncio.sleep(max(0.0, began + self.spent / self.cycles - time.monotonic()))


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def measure(size: Size, where: Place) -> list[Row]:
    """Three modes in turns: nothing else, sleeps and wakes elsewhere, the same processes started by hand elsewhere."""
    async with wakedock(where, {"awake": 0.0, "other": 0.0}) as installation, control(installation) as controls:
        assert (await get(installation.port, "awake.localhost")).status == 200
        switching = Switching(installation, controls)
        quiet, switched, started = Mode(switching.nothing), Mode(switching.sleeps_and_wakes), Mode(switching.by_hand)
        for _ in range(size.rounds):
            for mode in (quiet, switched, started):
                await mode.round(size, installation.port)
                await _settled(installation, controls)
    added = percentile(switched.latencies, 99) - percentile(quiet.latencies, 99)
    return [
        Row(
            f"latency added by {switching.cycles} sleeps and wakes elsewhere, {switching.cycles / switching.spent:.1f} a second",
            f"p99 {ms(added)} (from {ms(percentile(quiet.latencies, 99))} to {ms(percentile(switched.latencies, 99))}), "
            f"p50 from {ms(percentile(quiet.latencies, 50))} to {ms(percentile(switched.latencies, 50))}",
            f"the same processes started and ended by hand as often: p99 {ms(percentile(started.latencies, 99))}",
            samples={
                "quiet_seconds": _hundredths(quiet.latencies),
                "switching_seconds": _hundredths(switched.latencies),
                "by_hand_seconds": _hundredths(started.latencies),
            },
        )
    ]


async def _settled(installation: Installation, controls: Control) -> None:
    """Bring a cycle that was cut off in its middle to an end."""
    await get(installation.port, "other.localhost")
    await controls.until_serving("Awake", "other")
    await controls.put_to_sleep("other")


def _hundredths(latencies: list[float]) -> list[float]:
    return [percentile(latencies, share) for share in range(100)]
