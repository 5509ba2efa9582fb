"""What an installation costs in which everything sleeps."""

import asyncio
import time
from dataclasses import dataclass

from tests.e2e.installation import installed

from .place import Place, define, wakedock_pid
from .procfs import cpu, memory
from .rows import Row


@dataclass(frozen=True, slots=True)
class Size:
    """So many sleeping services, watched for so many seconds once `settle` seconds have passed since the start."""

    services: int = 500
    settle: float = 10.0
    seconds: float = 30.0


FULL, QUICK = Size(), Size(services=20, settle=0.5, seconds=0.5)


async def measure(size: Size, where: Place) -> list[Row]:
    """CPU of both processes, and how long the start takes that reads all definitions for the first time."""
    async with installed(where.folder, where.runtime) as installation:
        for number in range(size.services):
            define(installation, f"s{number}")
        began = time.monotonic()
        await installation.start()
        started = time.monotonic() - began
        await asyncio.sleep(size.settle)
        pids = {"python": wakedock_pid(installation), "caddy": installation.caddy_pid()}
        before = {name: cpu(pid) for name, pid in pids.items()}
        await asyncio.sleep(size.seconds)
        share = {name: (cpu(pid) - before[name]) / size.seconds * 100 for name, pid in pids.items()}
        resident = {name: memory(pid) for name, pid in pids.items()}
    return [
        Row(
            f"CPU with {size.services} sleeping services, over {size.seconds:g} s",
            f"{share['python']:.2f} % of a core (Python; {resident['python']:.0f} MB)",
            f"Caddy: {share['caddy']:.2f} % ({resident['caddy']:.0f} MB)",
            "< 0.5 % of a core",
            share["python"] < 0.5,
            {"percent_of_a_core": share, "mb": resident},
        ),
        Row(
            f"first start of WakeDock with {size.services} services, until their routes are in force",
            f"{started:.1f} s",
            samples={"seconds": started},
        ),
    ]
