"""The control API over a WakeDock in memory."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from tests.api.world import World
from wakedock_operator.api import build_api


@pytest.fixture
def world() -> World:
    made = World()
    made.catalog.define("hello")
    return made


@pytest.fixture
async def client(world: World) -> AsyncIterator[TestClient[Request, Application]]:
    async with TestClient(TestServer(build_api(world.ports()))) as made:
        yield made
