import asyncio
from typing import Any

import pytest

from tests.machine import HELLO, SHOP, Machine, in_fake_time, service
from wakedock_operator.activator.questions import Granted, Refusal, RefusalReason
from wakedock_operator.core.status import Serving, Status
from wakedock_operator.ports.journal import EventKind
from wakedock_operator.resource import Key

pytestmark = in_fake_time


def nothing_left(machine: Machine, key: Key = HELLO) -> bool:
    left = (machine.board.view(key), key in machine.workloads.keys(), key in machine.activator.services, machine.edge.steering(key))  # noqa: SIM118
    return left == (None, False, False, None)


async def test_an_awake_service_that_ends_is_drained_and_stopped_and_leaves_nothing(machine: Machine):
    await machine.start(service(), service(SHOP))
    await machine.woken()
    machine.catalog.end(HELLO)
    await machine.until(lambda: nothing_left(machine))
    await machine.settle()
    assert machine.workloads.did("stop") == 1
    assert len(machine.events(EventKind.REMOVED)) == 1
    assert machine.count("sleeps", reason="Removed") == 0
    assert machine.metrics.registry.get_sample_value("wakedock_awake", {"namespace": "default", "name": "hello"}) is None
    assert machine.serving(SHOP) is Serving.ASLEEP
    assert repr(machine.controller) == "Controller(1 services)"
    assert repr(machine.controller._queue) == "WorkQueue(controller: 1 keys, 0 running)"
    assert repr(machine.activator._queue) == "WorkQueue(gateway: 1 keys, 0 running)"


async def test_a_sleeping_service_that_ends_is_forgotten_without_a_start_or_a_stop(machine: Machine):
    await machine.start(service())
    machine.catalog.end(HELLO)
    await machine.until(lambda: nothing_left(machine))
    assert machine.workloads.calls == []


async def test_what_is_in_flight_is_waited_for_and_what_is_held_gets_a_problem(machine: Machine):
    await machine.start(service())
    await machine.woken()
    machine.edge.busy(HELLO, 1)
    machine.catalog.end(HELLO)
    await machine.until(Serving.DRAINING)
    assert await machine.ask() == Refusal(RefusalReason.REMOVED)
    await asyncio.sleep(60)
    assert machine.runs()
    machine.edge.busy(HELLO, 0)
    await machine.until(lambda: nothing_left(machine))


async def test_a_service_that_ends_while_it_wakes_is_stopped(machine: Machine):
    machine.workloads.prompt = False
    await machine.start(service())
    client = machine.ask()
    await machine.settle()
    machine.workloads.appear(HELLO)
    machine.catalog.end(HELLO)
    assert await client == Refusal(RefusalReason.REMOVED)
    await machine.until(lambda: machine.workloads.did("stop") == 1)
    machine.workloads.vanish(HELLO, "hello-1")
    await machine.until(lambda: nothing_left(machine))


async def test_a_name_that_comes_back_at_once_is_the_same_service_and_is_kept(machine: Machine):
    await machine.start(service())
    instance = await machine.woken()
    machine.catalog.end(HELLO)
    machine.catalog.define(service())
    await asyncio.sleep(5)
    assert (machine.instance(), machine.serving()) == (instance, Serving.AWAKE)


async def test_a_name_that_comes_back_with_another_uid_is_a_new_service_once_the_old_one_is_gone(machine: Machine):
    await machine.start(service())
    await machine.woken()
    await machine.kill("gateway")
    await machine.kill("controller")
    machine.catalog.end(HELLO)
    await machine.catalog.forget(HELLO, "uid-1")
    machine.catalog.define(service())
    machine.start_gateway()
    machine.start_controller()
    await machine.until(lambda: machine.board.view(HELLO) is not None and machine.status().uid == "uid-2")
    await machine.settle()
    assert machine.workloads.did("stop") == 1
    assert machine.serving() is Serving.ASLEEP
    assert await machine.ask() == Granted()


async def test_a_source_that_cannot_be_read_removes_nothing(machine: Machine):
    await machine.start(service())
    instance = await machine.woken()
    machine.catalog.readable(readable=False)
    await asyncio.sleep(30)
    assert machine.instance() == instance
    assert machine.condition("Accepted").reason == "KeptLastGood"
    await machine.asleep()
    assert await machine.ask() == Granted()


async def test_at_a_start_with_an_unreadable_source_what_is_missing_is_unknown(machine: Machine):
    await machine.start(service())
    instance = await machine.woken()
    await machine.kill("controller")
    await machine.kill("gateway")
    machine.catalog.end(HELLO)
    machine.catalog.readable(readable=False)
    machine.start_gateway()
    machine.start_controller()
    await asyncio.sleep(300)
    assert (machine.instance(), machine.workloads.did("stop")) == (instance, 0)
    machine.catalog.readable(readable=True)
    await machine.until(lambda: nothing_left(machine))


async def test_a_workload_that_nobody_defines_is_ended(machine: Machine):
    machine.workloads.adopt(HELLO, "uid-9")
    await machine.start(service(SHOP))
    await machine.until(lambda: machine.workloads.did("stop") == 1)


@pytest.mark.parametrize("step", ["workload", "status", "definition"])
async def test_an_end_that_was_interrupted_is_finished_by_the_next_controller(machine: Machine, step: str):
    await machine.start(service())
    await machine.woken()
    dead = asyncio.Event()
    port: Any = {"workload": machine.workloads, "status": machine.board, "definition": machine.catalog}[step]
    method = {"workload": "remove", "status": "remove", "definition": "forget"}[step]

    async def die(*_: object) -> None:
        dead.set()
        await asyncio.get_running_loop().create_future()

    setattr(port, method, die)
    machine.catalog.end(HELLO)
    async with asyncio.timeout(100):
        await dead.wait()
    await machine.kill("controller")
    port.__dict__.pop(method)
    machine.start_controller()
    await machine.until(lambda: nothing_left(machine))
    machine.catalog.define(service())
    await machine.until(lambda: machine.board.view(HELLO) is not None)
    assert machine.workloads.did("stop") == 1


async def test_a_definition_that_comes_back_while_it_is_forgotten_is_served(machine: Machine):
    await machine.start(service())
    removed = machine.board.remove

    async def back(key: Key, uid: str) -> None:
        machine.board.__dict__.pop("remove")
        machine.catalog.define(service())
        await removed(key, uid)

    machine.board.remove = back  # type: ignore[method-assign]
    machine.catalog.end(HELLO)
    await machine.settle()
    await machine.until(lambda: machine.board.view(HELLO) is not None)
    assert isinstance(machine.status(), Status)
    assert await machine.ask() == Granted()
