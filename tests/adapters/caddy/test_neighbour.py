"""A Caddy that somebody else starts and ends, as the container beside an activator is."""

import asyncio
import json
from dataclasses import replace

import pytest

from tests.adapters.caddy.gateway import Gateway, route
from wakedock_operator.adapters.caddy.binary import find_caddy
from wakedock_operator.adapters.caddy.edge import CaddyEdge
from wakedock_operator.adapters.caddy.neighbour import Neighbour
from wakedock_operator.resource import Key

pytestmark = pytest.mark.caddy
WEB = Key("default", "web")


class Container:
    """Runs Caddy on the file that is there, and starts it again when told to, as a kubelet would."""

    def __init__(self, options):
        self._options = options
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        caddy = await find_caddy()
        environment = {"HOME": str(self._options.runtime)}
        self._process = await asyncio.create_subprocess_exec(
            str(caddy.path), "run", "--config", str(self._options.configuration), env=environment, stderr=asyncio.subprocess.DEVNULL
        )

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def answers(self, edge: CaddyEdge) -> None:
        async with asyncio.timeout(20):
            while not await edge.answers():
                await asyncio.sleep(0.01)


@pytest.fixture
async def neighbour(options, port):
    gateway = Gateway(replace(options, data=options.runtime), port)
    gateway.edge = CaddyEdge(gateway.options, Neighbour)
    container = Container(gateway.options)
    adopted = await gateway.edge.start()
    assert not adopted
    await container.start()
    await container.answers(gateway.edge)
    await gateway.activator.start()
    yield gateway, container
    await gateway.edge.stop()
    await gateway.activator.stop()
    await container.kill()


async def test_the_file_that_caddy_starts_with_is_there_before_caddy_is(options):
    edge = CaddyEdge(replace(options, data=options.runtime), Neighbour)
    assert not await edge.start()
    assert json.loads(options.configuration.read_text())["admin"]["listen"] == f"unix/{options.admin_socket}"
    await edge.stop()


async def test_routes_are_loaded_into_it_and_requests_are_served(neighbour, app, client):
    gateway, _ = neighbour
    await gateway.routed(route("web", "a.test"))
    gateway.edge.steer(WEB, app.address)
    async with client.get(gateway.url, headers={"Host": "a.test"}) as answer:
        assert answer.status == 200


async def test_a_caddy_that_was_killed_comes_back_with_all_routes_without_being_told(neighbour, app, client):
    gateway, container = neighbour
    await gateway.routed(route("web", "a.test"))
    gateway.edge.steer(WEB, app.address)
    await container.kill()
    assert not await gateway.edge.answers()
    await container.start()
    await container.answers(gateway.edge)
    async with client.get(gateway.url, headers={"Host": "a.test"}) as answer:
        assert answer.status == 200


async def test_a_restarted_activator_finds_it_and_leaves_its_routes(neighbour, app, client):
    gateway, _ = neighbour
    await gateway.routed(route("web", "a.test"))
    gateway.edge.steer(WEB, app.address)
    await gateway.edge.release()
    successor = CaddyEdge(gateway.options, Neighbour)
    assert await successor.start()
    async with client.get(gateway.url, headers={"Host": "a.test"}) as answer:
        assert answer.status == 200
    await successor.release()
