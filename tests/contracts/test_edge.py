"""What every edge promises, the one in memory and the one on a real Caddy."""

import asyncio
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.adapters.caddy.gateway import Gateway, free_port, route, running_app, short_directory
from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.core.routing import Route
from wakedock_operator.ports.edge import Edge, EdgeUnavailable
from wakedock_operator.ports.fakes.edge import FakeEdge
from wakedock_operator.resource import Key

WEB = Key("default", "web")
OTHER = Key("default", "other")
LONG_AGO = 1000.0


class World(ABC):
    """An edge, and how requests come to it."""

    edge: Edge

    @property
    @abstractmethod
    def loads(self) -> int:
        """How often a different configuration came in force."""

    @abstractmethod
    async def request(self, key: Key) -> None:
        """One request for a service of this name, answered by an app."""

    @abstractmethod
    def request_in_flight(self, key: Key):
        """A context in which one request is in flight."""

    @abstractmethod
    async def silence(self) -> None:
        """From now on the edge does not answer."""


class InMemory(World):
    def __init__(self) -> None:
        self.edge: FakeEdge = FakeEdge()

    @property
    def loads(self) -> int:
        return self.edge.loads

    async def request(self, key: Key) -> None:
        self.edge.touch(key, at=time.time())

    @asynccontextmanager
    async def request_in_flight(self, key: Key) -> AsyncIterator[None]:
        self.edge.touch(key, at=time.time())
        self.edge.busy(key, 1)
        yield
        self.edge.busy(key, 0)

    async def silence(self) -> None:
        self.edge.available = False


class RealCaddy(World):
    def __init__(self, gateway: Gateway, app, client: aiohttp.ClientSession) -> None:
        self.edge = gateway.edge
        self._gateway = gateway
        self._app = app
        self._client = client

    @property
    def loads(self) -> int:
        return self._gateway.edge.loads

    async def request(self, key: Key) -> None:
        self.edge.steer(key, self._app.address)
        async with self._client.get(self._gateway.url, headers={"Host": f"{key.name}.test"}) as answer:
            assert answer.status == 200

    @asynccontextmanager
    async def request_in_flight(self, key: Key) -> AsyncIterator[None]:
        self._app.gate.clear()
        self._app.entered.clear()
        request = asyncio.create_task(self.request(key))
        await self._app.entered.wait()
        yield
        self._app.gate.set()
        await request

    async def silence(self) -> None:
        await self._gateway.edge._keeping.stop()


@asynccontextmanager
async def _in_memory() -> AsyncIterator[World]:
    yield InMemory()


@asynccontextmanager
async def _real_caddy() -> AsyncIterator[World]:
    directory, port = short_directory(), free_port()
    gateway = Gateway(CaddyOptions(runtime=directory / "run", data=directory / "data", listen=(f"127.0.0.1:{port}",), grace_period=5), port)
    await gateway.edge.start()
    try:
        async with running_app() as app, aiohttp.ClientSession() as client:
            yield RealCaddy(gateway, app, client)
    finally:
        await gateway.edge.stop()
        shutil.rmtree(directory)


@pytest.fixture(params=[pytest.param(_in_memory, id="in-memory"), pytest.param(_real_caddy, id="caddy", marks=pytest.mark.caddy)])
async def world(request) -> AsyncIterator[World]:
    async with request.param() as world:
        yield world


@pytest.fixture
async def edge(world: World) -> Edge:
    await world.edge.apply(both(), longest_wake=60)
    return world.edge


def both() -> list[Route]:
    return [route("web", "web.test"), route("other", "other.test")]


async def test_a_routed_service_leads_to_the_hold_until_somebody_steers(edge):
    assert edge.steering(WEB) is None
    assert edge.touched(WEB) is False
    assert edge.last_touch(WEB) is None


async def test_steering_is_what_was_steered_last(edge):
    edge.steer(WEB, "127.0.0.1:4000")
    assert edge.steering(WEB) == "127.0.0.1:4000"
    edge.steer(WEB, None)
    assert edge.steering(WEB) is None


async def test_steering_before_the_first_apply_stays(world):
    world.edge.steer(WEB, "127.0.0.1:4000")
    await world.edge.apply(both(), longest_wake=60)
    assert world.edge.steering(WEB) == "127.0.0.1:4000"


async def test_neither_steering_nor_looking_is_activity(edge):
    edge.steer(WEB, "127.0.0.1:4000")
    edge.steering(WEB)
    edge.steer(WEB, None)
    assert edge.touched(WEB) is False


async def test_a_request_is_noticed_once_and_the_next_one_again(world, edge):
    for _ in range(3):
        before = time.time()
        await world.request(WEB)
        assert edge.touched(WEB) is True
        assert edge.touched(WEB) is False
        assert edge.last_touch(WEB) == pytest.approx(before, abs=5)


async def test_two_requests_between_looks_are_one_touch(world, edge):
    await world.request(WEB)
    await world.request(WEB)
    assert (edge.touched(WEB), edge.touched(WEB)) == (True, False)


async def test_a_request_that_nobody_noticed_survives_a_steering(world, edge):
    await world.request(WEB)
    edge.steer(WEB, None)
    assert (edge.touched(WEB), edge.touched(WEB)) == (True, False)


async def test_the_last_activity_survives_a_steering(world, edge):
    await world.request(WEB)
    edge.touched(WEB)
    last = edge.last_touch(WEB)
    edge.steer(WEB, None)
    assert edge.last_touch(WEB) == last


async def test_a_request_touches_its_own_service_only(world, edge):
    await world.request(WEB)
    assert edge.touched(OTHER) is False


async def test_a_request_in_flight_is_counted_until_it_ends(world, edge):
    assert (await edge.in_flight()).of(WEB) == 0
    async with world.request_in_flight(WEB):
        look = await edge.in_flight()
        assert (look.of(WEB), look.of(OTHER)) == (1, 0)
        assert look.took > 0
    assert (await edge.in_flight()).of(WEB) == 0


async def test_an_equal_set_of_routes_is_not_loaded_again(world, edge):
    assert world.loads == 1
    await edge.apply(list(reversed(both())), longest_wake=60)
    assert world.loads == 1


async def test_a_new_longest_wake_is_loaded(world, edge):
    await edge.apply(both(), longest_wake=61)
    assert world.loads == 2


async def test_nothing_is_rejected_among_good_routes(edge):
    applied = await edge.apply(both(), longest_wake=60)
    assert dict(applied.rejected) == {}
    assert dict(edge.rejected) == {}


async def test_an_ended_service_has_no_steering_and_no_activity(world, edge):
    await world.request(WEB)
    await edge.apply([route("other", "other.test")], longest_wake=60)
    edge.unsteer(WEB)
    edge.unsteer(WEB)
    assert (edge.steering(WEB), edge.touched(WEB), edge.last_touch(WEB)) == (None, False, None)


async def test_an_edge_that_does_not_answer_is_unavailable_and_not_idle(world, edge):
    await world.silence()
    with pytest.raises(EdgeUnavailable):
        await edge.in_flight()
    with pytest.raises(EdgeUnavailable):
        await edge.apply([], longest_wake=60)


async def test_steering_works_while_the_edge_does_not_answer(world, edge):
    await world.silence()
    edge.steer(WEB, "127.0.0.1:4000")
    assert edge.steering(WEB) == "127.0.0.1:4000"
