"""The sixth promise under the first one: WakeDock is killed at any moment, sleeps and wakes under way, and no request is lost for it."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.e2e.installation import Installation, installed
from tests.soak.generator import Load
from tests.soak.ledgers import serve, verdict

pytestmark = [pytest.mark.soak, pytest.mark.caddy]

LONGEST_DELAY = 0.6
"""Seconds between the wish to sleep and the kill: a drain, a stop, a start and a grant take about as long."""


async def kill(installation: Installation, loads: list[Load], cycles: int, seed: int) -> None:
    """Ask the apps to sleep and kill WakeDock a moment later, which the seed decides, again and again."""
    chance = random.Random(seed)
    for cycle in range(cycles):
        asked = [load for load in loads if chance.random() < 0.7]
        for load in asked:
            await installation.ask(load.host, "sleep")
        delay = chance.uniform(0, LONGEST_DELAY)
        print(f"kill {cycle}: {delay * 1000:.0f} ms after {', '.join(load.host for load in asked) or 'nobody'} was asked to sleep")
        await asyncio.sleep(delay)
        await installation.kill()
        await installation.start()
        for load in loads:
            await load.until_answered(chance.randrange(10, 60))
            if load.lost:
                return


@pytest.mark.timeout(1800)
async def test_nothing_is_lost_and_nothing_is_served_twice_when_wakedock_is_killed(tmp_path: Path, runtime_dir: Path, large: bool):
    seed, cycles = random.SystemRandom().randrange(10**6) if large else 6, 120 if large else 4
    print(f"\nseed {seed}, {cycles} kills of WakeDock")
    books = {name: tmp_path / f"{name}.book" for name in ("terminated", "killed")}
    async with installed(tmp_path, runtime_dir) as installation:
        serve(installation, "terminated", books["terminated"], stop_signal="SIGTERM", idle="1h")
        serve(installation, "killed", books["killed"], stop_signal="SIGKILL", idle="1h")
        await installation.start()
        loads = [Load(name, installation.port, seed, workers=6) for name in books]
        async with asyncio.timeout(1700 if large else 100), asyncio.TaskGroup() as tasks:
            for load in loads:
                tasks.create_task(load.run())
            for load in loads:
                await load.until_answered(10)
            await kill(installation, loads, cycles, seed)
            for load in loads:
                load.stop()
        print(f"{'app':12} {'requests':>9} {'lost':>5} {'twice':>6}")
        results = {load.host: verdict(load, books[load.host]) for load in loads}
        for load in loads:
            lost, twice = results[load.host]
            print(f"{load.host:12} {load.sent:9} {len(lost):5} {len(twice):6}")
        assert results == {load.host: ([], {}) for load in loads}
