"""Commands against a control API over a WakeDock in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from tests.api.world import World
from wakedock_operator.api import serve_socket
from wakedock_operator.cli.directories import opened, resolve
from wakedock_operator.cli.main import app

Run = Callable[..., Coroutine[None, None, Result]]


@pytest.fixture
def world() -> World:
    made = World()
    made.catalog.define("hello")
    return made


@pytest.fixture
def data(runtime_dir: Path) -> Path:
    return runtime_dir / "data"


@pytest.fixture
async def running(world: World, data: Path, runtime_dir: Path) -> AsyncIterator[Path]:
    """A served control API; its data directory."""
    with opened(resolve(data, runtime_dir / "run", {})) as directories:
        async with serve_socket(world.ports(), directories.control_socket):
            yield data


@pytest.fixture
def run(data: Path) -> Run:
    """Runs a command with this data directory, in a thread: the API answers in the loop meanwhile."""

    async def command(*arguments: str, **environ: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env={"WAKEDOCK_DATA": str(data), **environ})

    return command


@pytest.fixture(autouse=True)
def _plain_logs() -> None:
    structlog.reset_defaults()
