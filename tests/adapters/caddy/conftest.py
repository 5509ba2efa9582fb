import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from tests.adapters.caddy.gateway import App, Gateway, free_port, running_app, short_directory
from wakedock_operator.adapters.caddy.options import CaddyOptions


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "caddy_options(**options): what the test's gateway is started with")


@pytest.fixture
def directory() -> Iterator[Path]:
    path = short_directory()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def options(request, directory: Path, port: int) -> CaddyOptions:
    """Marked with `caddy_options`, a test sets some of them."""
    options = CaddyOptions(runtime=directory / "run", data=directory / "data", listen=(f"127.0.0.1:{port}",), grace_period=5)
    marker = request.node.get_closest_marker("caddy_options")
    return replace(options, **marker.kwargs) if marker else options


@pytest.fixture
async def gateway(options: CaddyOptions, port: int) -> AsyncIterator[Gateway]:
    gateway = Gateway(options, port)
    await gateway.edge.start()
    await gateway.activator.start()
    yield gateway
    await gateway.edge.stop()
    await gateway.activator.stop()


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with running_app() as app:
        yield app


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as client:
        yield client
