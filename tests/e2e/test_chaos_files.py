"""Somebody clears what lies in the runtime directory while WakeDock runs."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.connection import ask
from tests.e2e.failing import behaving, until_nothing_runs
from tests.e2e.installation import Installation
from tests.e2e.standing import standing
from tests.e2e.test_kills import mixed, served_by

pytestmark = [pytest.mark.e2e, pytest.mark.caddy]


def steering_file(runtime: Path) -> None:
    (runtime / "steer" / "default.awake").unlink()


def steering_folders(runtime: Path) -> None:
    for folder in ("steer", "ignored"):
        shutil.rmtree(runtime / folder)


def record(runtime: Path) -> None:
    (runtime / "status" / "default.awake.json").unlink()


def records(runtime: Path) -> None:
    shutil.rmtree(runtime / "status")
    shutil.rmtree(runtime / "instances")


def sockets(runtime: Path) -> None:
    (runtime / "activator.sock").unlink()


@pytest.mark.parametrize("clear", [steering_file, steering_folders, record, records, sockets], ids=lambda clear: clear.__name__)
async def test_what_is_cleared_is_written_again(clear: Callable[[Path], None]):
    async with standing(lambda plan: (behaving(plan, "awake", "fine"), behaving(plan, "asleep", "fine"))) as stand:
        installation: Installation = stand.installation
        before = served_by([await ask(stand.port, "awake.test")])
        await installation.until_serving("awake", "Awake")
        clear(installation.runtime)
        assert served_by(await asyncio.gather(*mixed(stand.port, "awake"))) == before
        assert len(served_by(await asyncio.gather(*mixed(stand.port, "asleep")))) == 1
        await stand.sleep("awake")
        await until_nothing_runs(installation, "awake")
        assert len(served_by(await asyncio.gather(*mixed(stand.port, "awake")))) == 1
        (installation.definitions / "awake.yaml").unlink()
        async with asyncio.timeout(30):
            await installation.until_logged("service ended")
