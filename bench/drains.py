"""Going to sleep under load: how long a drain takes while requests keep coming."""

import asyncio
import json
import random
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from tests.e2e.installation import Installation, installed
from tests.soak.generator import Load
from tests.soak.ledgers import serve, verdict

from .place import Place
from .rows import Row, ms, percentile

APPS = ("a", "b")


@dataclass(frozen=True, slots=True)
class Size:
    """Forced sleeps of each of two apps, under so many workers each."""

    sleeps: int = 40
    workers: int = 8


FULL, QUICK = Size(), Size(sleeps=2, workers=2)


async def measure(size: Size, where: Place) -> list[Row]:
    """Half of the requests are POSTs with a body; an app is put to sleep again some requests after it was woken by one."""
    async with installed(where.folder, where.runtime) as installation:
        books = {name: where.folder / f"{name}.book" for name in APPS}
        for name in APPS:
            serve(installation, name, books[name], stop_signal="SIGTERM", idle="1h")
        await installation.start()
        loads = [Load(name, installation.port, seed=1, workers=size.workers) for name in APPS]
        async with asyncio.TaskGroup() as tasks:
            for load in loads:
                tasks.create_task(load.run())
            async with asyncio.TaskGroup() as sleeping:
                for load in loads:
                    sleeping.create_task(_sleep_again(installation, load, size.sleeps))
            for load in loads:
                load.stop()
        took = [seconds for name in APPS for seconds in _drains(installation, name)]
        lost = sum(len(verdict(load, books[load.host])[0]) for load in loads)
        twice = sum(len(verdict(load, books[load.host])[1]) for load in loads)
    return [
        Row(
            f"drain under load, {len(took)} forced sleeps",
            f"median {ms(percentile(took, 50))}, p99 {ms(percentile(took, 99))}",
            f"{sum(load.sent for load in loads)} requests meanwhile, {lost} lost, {twice} served twice",
            "0 lost, 0 twice",
            lost == twice == 0,
            {"drain_seconds": took},
        )
    ]


async def _sleep_again(installation: Installation, load: Load, sleeps: int) -> None:
    chance = random.Random(load.host)
    for _ in range(sleeps):
        await load.until_answered(chance.randrange(10, 100))
        await installation.until_woken(load.host, after=await installation.ask(load.host, "sleep"))


def _drains(installation: Installation, name: str) -> list[float]:
    """Seconds from the decision to the sleep, by WakeDock's log."""
    lines = [json.loads(line) for line in installation.log.read_bytes().splitlines() if line.startswith(b"{")]
    told = [line for line in lines if line["event"] == "serving changed" and line["service"] == f"default/{name}"]
    return [
        (datetime.fromisoformat(end["timestamp"]) - datetime.fromisoformat(begin["timestamp"])).total_seconds()
        for begin, end in pairwise(told)
        if begin["change"] == "force" and end["change"] == "commit"
    ]
