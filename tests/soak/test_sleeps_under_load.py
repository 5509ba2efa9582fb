"""The first promise: no request is lost or served twice because an app sleeps or wakes."""

import asyncio
import json
import random
import statistics
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.installation import Installation, installed
from tests.soak.generator import Load
from tests.soak.ledgers import serve, verdict

pytestmark = [pytest.mark.soak, pytest.mark.caddy]


async def force_sleeps(installation: Installation, load: Load, cycles: int, seed: int) -> None:
    """Put the app to sleep after a number of answers that the seed decides, again and again."""
    chance = random.Random(f"{seed}/{load.host}")
    for _ in range(cycles):
        await load.until_answered(chance.randrange(10, 150))
        if load.lost:
            return
        await installation.until_woken(load.host, after=await installation.ask(load.host, "sleep"))


def changes(installation: Installation, name: str) -> list[tuple[datetime, str]]:
    """When the service changed, and how, from the log."""
    lines = [json.loads(line) for line in installation.log.read_bytes().splitlines() if line.startswith(b"{")]
    return [
        (datetime.fromisoformat(line["timestamp"]), line["change"])
        for line in lines
        if line["event"] == "serving changed" and line["service"] == f"default/{name}"
    ]


def drains(told: list[tuple[datetime, str]]) -> list[float]:
    """How long each drain took until the service slept, in seconds."""
    return [
        (end - begin).total_seconds() for (begin, what), (end, then) in pairwise(told) if what in {"drain", "force"} and then == "commit"
    ]


@pytest.mark.timeout(1800)
async def test_nothing_is_lost_and_nothing_is_served_twice(tmp_path: Path, runtime_dir: Path, large: bool):
    seed, cycles = random.SystemRandom().randrange(10**6) if large else 20, 300 if large else 8
    print(f"\nseed {seed}, {cycles} forced sleeps of each app")
    books = {name: tmp_path / f"{name}.book" for name in ("terminated", "killed", "idle")}
    async with installed(tmp_path, runtime_dir) as installation:
        serve(installation, "terminated", books["terminated"], stop_signal="SIGTERM", idle="1h")
        serve(installation, "killed", books["killed"], stop_signal="SIGKILL", idle="1h")
        serve(installation, "idle", books["idle"], stop_signal="SIGKILL", idle="200ms")
        await installation.start()
        forced = [Load(name, installation.port, seed) for name in ("terminated", "killed")]
        idle = Load("idle", installation.port, seed, workers=1, pause=(0.2, 0.5))
        loads = [*forced, idle]
        async with asyncio.timeout(1700 if large else 100), asyncio.TaskGroup() as tasks:
            for load in loads:
                tasks.create_task(load.run())
            async with asyncio.TaskGroup() as sleeping:
                for load in forced:
                    sleeping.create_task(force_sleeps(installation, load, cycles, seed))
            for load in loads:
                load.stop()
        print(f"{'app':12} {'requests':>9} {'sleeps':>7} {'lost':>5} {'twice':>6} {'drain, median':>14}")
        results = {load.host: verdict(load, books[load.host]) for load in loads}
        slept = {}
        for load in loads:
            lost, twice = results[load.host]
            told = drains(changes(installation, load.host))
            slept[load.host] = len(told)
            median = f"{statistics.median(told) * 1000:.0f} ms" if told else "none"
            print(f"{load.host:12} {load.sent:9} {len(told):7} {len(lost):5} {len(twice):6} {median:>14}")
        assert results == {load.host: ([], {}) for load in loads}
        assert all(slept[load.host] >= cycles for load in forced)
        assert slept["idle"] > 0
