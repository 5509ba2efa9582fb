import asyncio
import errno
import os
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tests.machine import DB, HELLO, SHOP, Machine, in_fake_time, service
from wakedock_operator.activator.routes import QUIET, SHORTEST_WAKE, TRY_AGAIN, RouteKeeper
from wakedock_operator.core.conditions import ConditionType
from wakedock_operator.core.routing import Callers
from wakedock_operator.resource import Key

pytestmark = in_fake_time


class Keeping:
    """A route keeper at work."""

    def __init__(self, machine: Machine, *, ports_within: float = 0.0) -> None:
        self.machine = machine
        self.applied = 0
        self.keeper = RouteKeeper(
            catalog=machine.catalog,
            board=machine.board,
            edge=machine.edge,
            metrics=machine.metrics,
            applied=self._count,
            ports_within=ports_within,
        )
        self._task: asyncio.Task[None] | None = None

    def _count(self) -> None:
        self.applied += 1

    async def start(self) -> None:
        self._task = asyncio.create_task(self.keeper.run())
        await self.machine.settle()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    @property
    def claims(self) -> dict[Key, tuple[tuple[str, str], ...]]:
        return {route.key: route.claims for route in self.machine.edge.routes}


@pytest.fixture
async def keeping(machine: Machine) -> AsyncIterator[Keeping]:
    made = Keeping(machine)
    yield made
    await made.stop()


async def test_the_routes_of_all_services_are_brought_in_force_in_one_apply(keeping: Keeping, machine: Machine):
    machine.catalog.define(service(), service(SHOP))
    assert not keeping.keeper.in_force.is_set()
    await keeping.start()
    assert keeping.claims == {HELLO: (("hello.localhost", "/"),), SHOP: (("shop.localhost", "/"),)}
    assert keeping.keeper.in_force.is_set()
    assert (machine.edge.loads, keeping.applied, machine.metric("caddy_applies_total", {"outcome": "accepted"})) == (1, 1, 1)


async def test_a_service_and_its_port_are_one_apply_where_the_port_comes_soon(machine: Machine):
    keeping = Keeping(machine, ports_within=1.0)
    machine.catalog.define(service(port=80))
    await keeping.start()
    assert machine.edge.loads == 0
    machine.catalog.give_port(HELLO, 20_007)
    await asyncio.sleep(0.2)
    assert [route.callers for route in machine.edge.routes] == [Callers(20_007)]
    assert machine.edge.loads == 1
    await keeping.stop()


async def test_a_port_that_does_not_come_is_waited_for_once(machine: Machine):
    keeping = Keeping(machine, ports_within=1.0)
    machine.catalog.define(service(port=80))
    await keeping.start()
    await asyncio.sleep(1.5)
    assert (machine.edge.loads, keeping.claims) == (1, {HELLO: (("hello.localhost", "/"),)})
    machine.catalog.define(service(port=80, hosts=["other.localhost"]))
    await asyncio.sleep(0.2)
    assert keeping.claims == {HELLO: (("other.localhost", "/"),)}
    machine.catalog.give_port(HELLO, 20_007)
    await asyncio.sleep(0.2)
    assert [route.callers for route in machine.edge.routes] == [Callers(20_007)]
    await keeping.stop()


async def test_what_changed_beside_the_definitions_is_applied_too(keeping: Keeping, machine: Machine):
    machine.catalog.define(service())
    await keeping.start()
    applied = keeping.applied
    keeping.keeper.apply_again()
    await machine.settle()
    assert keeping.applied == applied + 1


async def test_changes_that_come_together_are_one_apply(keeping: Keeping, machine: Machine):
    await keeping.start()
    before = machine.edge.loads
    for number in range(100):
        machine.catalog.define(service(Key("default", f"app-{number}")))
    await machine.settle()
    assert machine.edge.loads == before + 1
    assert len(keeping.claims) == 100


@pytest.mark.parametrize(
    "changed, loads",
    [
        pytest.param({"idleTimeout": "1h"}, 0, id="an idle time-out"),
        pytest.param({"wake": {"timeout": "30s"}}, 0, id="a short wake.timeout"),
        pytest.param({"app": {"command": ["y"]}}, 0, id="a command"),
        pytest.param({"suspend": True}, 0, id="suspend"),
        pytest.param({"wake": {"timeout": "90s"}}, 1, id="a new longest wake.timeout"),
        pytest.param({"hosts": ["other.localhost"]}, 1, id="hosts"),
        pytest.param({"paths": ["/a"]}, 1, id="paths"),
        pytest.param({"protocol": "h2c"}, 1, id="the protocol"),
        pytest.param({"maxConnections": 5}, 1, id="a limit"),
        pytest.param({"ignore": {"paths": ["/health"]}}, 1, id="what is ignored"),
    ],
)
async def test_only_what_the_edge_must_know_causes_an_apply(keeping: Keeping, machine: Machine, changed: dict[str, object], loads: int):
    machine.catalog.define(service())
    await keeping.start()
    before = (machine.edge.loads, keeping.applied)
    machine.catalog.define(service(HELLO, **changed))
    await machine.settle()
    assert (machine.edge.loads - before[0], keeping.applied - before[1]) == (loads, loads)


async def test_the_hold_is_prepared_for_the_longest_wake(keeping: Keeping, machine: Machine):
    machine.catalog.define(service(wake={"timeout": "10s"}))
    await keeping.start()
    assert machine.edge.longest_wake == SHORTEST_WAKE
    machine.catalog.define(service(SHOP, wake={"timeout": "5m"}))
    await machine.settle()
    assert machine.edge.longest_wake == 300.0


async def test_neither_a_wake_nor_a_sleep_changes_the_configuration(keeping: Keeping, machine: Machine):
    await machine.start(service())
    await keeping.start()
    before = machine.edge.loads
    await machine.woken()
    await machine.asleep()
    await machine.woken()
    assert (machine.edge.loads, keeping.applied) == (before, 1)


async def test_an_edge_that_does_not_answer_is_asked_again_with_the_newest_definitions(keeping: Keeping, machine: Machine):
    machine.catalog.define(service())
    machine.edge.available = False
    with capture_logs() as logs:
        await keeping.start()
        await asyncio.sleep(2.2 * TRY_AGAIN)
    assert [line["event"] for line in logs] == ["routes could not be applied"] * 3
    assert (keeping.applied, keeping.keeper.in_force.is_set()) == (0, False)
    assert machine.metric("caddy_applies_total", {"outcome": "failed"}) == 3
    machine.catalog.define(service(SHOP))
    machine.edge.available = True
    await asyncio.sleep(TRY_AGAIN)
    assert set(keeping.claims) == {HELLO, SHOP}
    assert machine.edge.loads == 1


async def test_first_routes_that_cannot_be_applied_for_long_are_a_warning(keeping: Keeping, machine: Machine):
    machine.catalog.define(service())
    machine.edge.available = False
    with capture_logs() as logs:
        await keeping.start()
        await asyncio.sleep(QUIET + TRY_AGAIN)
    levels = [line["log_level"] for line in logs]
    assert (levels[0], levels[-1], sorted(levels)) == ("info", "warning", levels)


async def test_a_service_that_cannot_be_routed_is_told_and_the_others_are(keeping: Keeping, machine: Machine):
    machine.catalog.define(service(), service(SHOP))
    machine.edge.refuse[SHOP] = "Caddy refused it"
    with capture_logs() as logs:
        await keeping.start()
    assert set(keeping.claims) == {HELLO}
    entries = machine.catalog.current().entries
    assert [keeping.keeper.refused(entries[key]) for key in (HELLO, SHOP)] == [None, "Caddy refused it"]
    assert [(line["event"], line["service"]) for line in logs] == [("service cannot be routed", "default/shop")]
    assert machine.metric("caddy_applies_total", {"outcome": "failed"}) == 1


async def test_a_route_that_was_never_in_force_is_pending(keeping: Keeping, machine: Machine):
    machine.catalog.define(service(), service(DB, hosts=[]))
    machine.edge.available = False
    told: list[Key] = []

    async def follow() -> None:
        async for key in keeping.keeper.changes():
            told.append(key)  # noqa: PERF401 - it never ends

    following = asyncio.create_task(follow())
    await keeping.start()
    entries = machine.catalog.current().entries
    assert keeping.keeper.pending(entries[HELLO]) == "its route is not in force yet"
    assert keeping.keeper.pending(entries[DB]) is None, "it has no hosts"
    machine.edge.available = True
    await asyncio.sleep(2 * TRY_AGAIN)
    assert keeping.keeper.pending(entries[HELLO]) is None
    assert told == [HELLO]
    following.cancel()


async def test_a_route_of_an_earlier_start_is_not_pending(machine: Machine):
    await machine.start(service())
    assert machine.condition(ConditionType.ROUTED).status == "True"
    assert Keeping(machine).keeper.pending(machine.catalog.current().entries[HELLO]) is None


async def test_a_service_that_lost_its_host_to_an_earlier_one_keeps_a_route_without_hosts(keeping: Keeping, machine: Machine):
    machine.catalog.define(service(), service(SHOP, hosts=["hello.localhost"]))
    await keeping.start()
    assert keeping.claims == {HELLO: (("hello.localhost", "/"),), SHOP: ()}


async def test_a_service_that_ends_loses_its_hosts_at_once_and_its_route_when_its_record_is_gone(keeping: Keeping, machine: Machine):
    await machine.start(service(), service(SHOP))
    await keeping.start()
    await machine.woken()
    machine.edge.busy(HELLO, 1)
    machine.catalog.end(HELLO)
    await machine.settle()
    assert keeping.claims == {HELLO: (), SHOP: (("shop.localhost", "/"),)}
    machine.edge.busy(HELLO, 0)
    await machine.until(lambda: machine.board.view(HELLO) is None)
    await machine.settle()
    assert set(keeping.claims) == {SHOP}


async def test_an_apply_for_which_there_is_no_space_is_tried_again(keeping: Keeping, machine: Machine, monkeypatch: pytest.MonkeyPatch):
    async def no_space(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(machine.edge, "apply", no_space)
        machine.catalog.define(service())
        await keeping.start()
    await asyncio.sleep(2 * TRY_AGAIN)
    assert set(keeping.claims) == {HELLO}
