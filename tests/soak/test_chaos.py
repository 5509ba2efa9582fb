"""The promises together: whatever happens to WakeDock, its Caddy and its idle apps, each request is answered by the app, once."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.e2e.installation import installed
from tests.soak.chaos import Chaos, faults, services
from tests.soak.ledgers import served_in
from tests.soak.visitors import Visitors

pytestmark = [pytest.mark.soak, pytest.mark.caddy]


@pytest.mark.timeout(1800)
async def test_nothing_is_lost_and_nothing_is_served_twice_whatever_happens(tmp_path: Path, runtime_dir: Path, large: bool):
    seed, steps = random.SystemRandom().randrange(10**6) if large else 11, 400 if large else 22
    print(f"\nseed {seed}, {steps} steps")
    specs = services(tmp_path)
    async with installed(tmp_path, runtime_dir) as installation:
        for name, spec in specs.items():
            (tmp_path / f"{name}.book").touch()
            installation.define(name, **spec)
        await installation.start()
        visitors = [Visitors(name, installation.port, seed, pause=(0.0, 1.5)) for name in specs]
        chaos = Chaos(installation, visitors, specs, seed)
        async with asyncio.timeout(1700 if large else 170), asyncio.TaskGroup() as tasks:
            for each in visitors:
                tasks.create_task(each.run())
            await chaos.run(steps)
            for each in visitors:
                each.stop()
        print(f"{'app':8} {'requests':>9} {'lost':>5} {'twice':>6} {'unsent':>7}  {chaos.done}")
        lost: list[str] = []
        twice: dict[str, int] = {}
        for each in visitors:
            served = served_in(tmp_path / f"{each.host}.book")
            told = {line.partition(":")[0] for line in (*each.lost, *each.unsent)}
            lost += each.lost
            lost += [f"{name}: answered, but not in the book" for name in each.ids if name not in served and name not in told]
            lost += [f"{line} (served)" for line in each.unsent if line.partition(":")[0] in served]
            doubled = {name: count for name, count in served.items() if count > 1}
            twice |= doubled
            print(f"{each.host:8} {each.sent:9} {len(each.lost):5} {len(doubled):6} {len(each.unsent):7}  {each.kinds}")
        assert (lost, twice) == ([], {}), installation.log
        assert faults(installation) == []
        kept = sum(each.workers for each in visitors)
        assert sum(len(each.unsent) for each in visitors) <= kept * chaos.done.get("add_or_remove", 0)
