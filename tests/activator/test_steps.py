import asyncio

import pytest

from tests.machine import DB, HELLO, SHOP, Machine, broken, in_fake_time, service
from wakedock_operator.activator.holds import PACE, WINDOW
from wakedock_operator.activator.questions import Granted
from wakedock_operator.core.observation import Instance
from wakedock_operator.core.status import Report, Serving, Status, WakeReason
from wakedock_operator.ports.journal import EventKind
from wakedock_operator.ports.workloads import ProbeResult
from wakedock_operator.resource import Key

pytestmark = in_fake_time


@pytest.fixture
def slow(machine: Machine) -> Machine:
    """Backends do only what the test says."""
    machine.workloads.prompt = False
    return machine


def busy_with(machine: Machine, requests: int) -> None:
    """The app works on so many requests, for as long as the test lasts."""
    machine.edge.busy(HELLO, requests)


# Probes


@pytest.mark.parametrize(
    "readiness, probes",
    [
        pytest.param(None, 100, id="every 100 ms by default"),
        pytest.param({"http": {"path": "/ready", "interval": "2s"}}, 5, id="as often as the readiness probe says"),
        pytest.param({"tcp": {"interval": "500ms"}}, 20, id="a tcp probe too"),
    ],
)
async def test_an_instance_is_probed_at_its_pace(slow: Machine, readiness: dict[str, object] | None, probes: int):
    await slow.start(service(wake={} if readiness is None else {"readiness": readiness}))
    slow.ask()
    await slow.settle()
    slow.workloads.appear(HELLO)
    await slow.kill("controller")
    await asyncio.sleep(10)
    assert len(slow.workloads.probed) == pytest.approx(probes, abs=2)


async def test_what_the_last_probe_found_is_known(slow: Machine):
    await slow.start(service())
    slow.ask()
    await slow.settle()
    slow.workloads.answer(HELLO, slow.workloads.appear(HELLO), ProbeResult(ready=False, detail="HTTP 503", unhealthy=True))
    await asyncio.sleep(1)
    attempt = slow.service().attempt
    assert attempt is not None
    assert (attempt.detail, attempt.unhealthy, attempt.answering_at) == ("HTTP 503", True, None)


# Grants


async def test_what_answers_at_an_address_that_a_probe_found_is_granted_without_another_look(slow: Machine):
    await slow.start(service())
    client = slow.ask()
    await slow.settle()
    await slow.kill("controller")
    looks = slow.workloads.looks
    instance = slow.workloads.appear(HELLO, addressed=False)
    slow.workloads.answer(HELLO, instance, ProbeResult(ready=True, detail="HTTP 200", address="127.0.0.1:4242"))
    assert await client == Granted()
    assert slow.edge.steering(HELLO) == "127.0.0.1:4242"
    assert slow.workloads.looks == looks + 1


async def test_a_wake_is_recorded_and_timed_by_phase(slow: Machine):
    await slow.start(service())
    client = slow.ask(path="/cart")
    await asyncio.sleep(1)
    instance = slow.workloads.appear(HELLO)
    await asyncio.sleep(2)
    slow.workloads.answer(HELLO, instance)
    assert await client == Granted()
    await slow.settle()
    (woke,) = slow.events(EventKind.WOKE)
    assert woke.reason == WakeReason.REQUEST
    assert woke.asker is not None
    assert woke.asker.path == "/cart"
    assert woke.phases == pytest.approx({"started": 0.0, "answering": 3.0, "granted": 3.0}, abs=0.2)
    assert slow.count("wakes", outcome="awake", cause="Request") == 1
    assert slow.metric("wake_duration_seconds_sum", {"phase": "total"}) == pytest.approx(3.0, abs=0.2)


async def test_a_grant_without_a_start_is_no_wake(machine: Machine):
    await machine.start(service())
    await machine.woken()
    assert await machine.ask() == Granted()
    assert len(machine.events(EventKind.WOKE)) == 1


async def test_a_wake_whose_client_has_left_is_recorded_all_the_same(slow: Machine):
    await slow.start(service())
    client = slow.ask(path="/cart")
    await slow.settle()
    instance = slow.workloads.appear(HELLO)
    await slow.leave(client)
    await asyncio.sleep(2)
    slow.workloads.answer(HELLO, instance)
    await slow.until(Serving.AWAKE)
    await slow.settle()
    (woke,) = slow.events(EventKind.WOKE)
    assert woke.asker is not None
    assert woke.asker.path == "/cart"
    assert await slow.ask() == Granted()
    assert len(slow.events(EventKind.WOKE)) == 1


async def test_a_dependency_that_answers_after_its_dependant_was_served_is_recorded(slow: Machine):
    await slow.start(service(DB, hosts=[]), service(dependsOn=["db"]))
    client = slow.ask()
    await slow.settle()
    database = slow.workloads.appear(DB)
    await slow.leave(client)
    slow.workloads.answer(DB, database)
    await slow.until(Serving.AWAKE, DB)
    await slow.settle()
    assert [event.reason for event in slow.events(EventKind.WOKE, DB)] == [WakeReason.DEPENDANT]


async def test_a_wake_that_the_controller_starts_while_somebody_asks_is_recorded_once(machine: Machine):
    await machine.start(service())
    await machine.woken()
    for number in range(20):
        machine.catalog.define(service(app={"command": [f"version-{number}"]}))
        await asyncio.sleep(number / 100)
        assert await machine.ask() == Granted()
        await machine.until(lambda: machine.workloads.did("stop") == machine.workloads.did("start") - 1)
        await asyncio.sleep(5)
        assert len(machine.events(EventKind.WOKE)) == machine.workloads.did("start")


async def test_a_wake_is_timed_from_the_first_question_that_still_waits(slow: Machine):
    await slow.start(service())
    slow.workloads.refused_starts[HELLO] = broken()
    first = slow.ask()
    await slow.leave(first)
    await asyncio.sleep(60)
    slow.workloads.refused_starts.clear()
    client = slow.ask()
    await slow.settle()
    slow.workloads.answer(HELLO, slow.workloads.appear(HELLO))
    assert await client == Granted()
    (woke,) = slow.events(EventKind.WOKE)
    assert woke.phases["granted"] < 1


async def test_many_are_granted_in_windows_while_the_app_is_busy_with_the_ones_before(slow: Machine):
    await slow.start(service())
    clients = [slow.ask() for _ in range(3 * WINDOW)]
    await slow.settle()
    slow.workloads.answer(HELLO, slow.workloads.appear(HELLO))
    await slow.until(lambda: any(client.done() for client in clients))
    busy_with(slow, WINDOW)
    await asyncio.sleep(10 * PACE)
    assert sum(client.done() for client in clients) == WINDOW
    busy_with(slow, 0)
    assert await asyncio.gather(*clients) == [Granted()] * len(clients)


async def test_a_question_to_an_app_that_works_on_others_is_granted_without_doubt(machine: Machine):
    await machine.start(service())
    await machine.woken()
    busy_with(machine, 3)
    probes = len(machine.workloads.probed)
    assert await machine.ask() == Granted()
    assert len(machine.workloads.probed) == probes


async def test_a_question_to_an_app_that_works_on_nothing_makes_its_gateway_look_and_probe_anew(machine: Machine):
    await machine.start(service())
    instance = await machine.woken()
    machine.workloads.answer(HELLO, instance, ProbeResult(ready=False, detail="connection refused"))
    client = machine.ask()
    await asyncio.sleep(5)
    assert not client.done()
    machine.workloads.answer(HELLO, instance)
    assert await client == Granted()


async def test_an_app_without_a_port_wakes_its_dependants_and_is_steered_nowhere(machine: Machine):
    observe = machine.workloads.observe

    async def worker(key: Key):
        seen = await observe(key)
        if key == SHOP:
            instances = tuple(Instance(i.id, "", i.terminating, i.ready) for i in seen.instances)
            seen = type(seen)(seen.desired, seen.settled, seen.version, instances, seen.failure)
        return seen

    machine.workloads.observe = worker  # type: ignore[method-assign]
    await machine.start(service(SHOP, hosts=[]), service(dependsOn=["shop"]))
    assert await machine.ask() == Granted()
    await machine.until(Serving.AWAKE)
    assert machine.serving(SHOP) is Serving.AWAKE
    assert machine.edge.steering(SHOP) is None
    assert not [address for key, address in machine.edge.switches if key == SHOP and address is not None]


# Steering and reports


async def test_requests_are_steered_once_for_a_wake_and_once_for_a_sleep(machine: Machine):
    await machine.start(service())
    machine.edge.switches.clear()
    before = machine.metric("steering_switches_total")
    await machine.woken()
    await machine.asleep()
    assert machine.edge.switches == [(HELLO, "127.0.0.1:20001"), (HELLO, None)]
    assert machine.metric("steering_switches_total") - before == 2


async def test_a_report_that_finds_no_status_is_made_again_once_there_is_one(machine: Machine):
    await machine.start(service())
    lost = 0
    report = machine.board.report

    async def forgetful(key: Key, uid: str, said: Report) -> Status | None:
        nonlocal lost
        if lost < 2:
            lost += 1
            return None
        return await report(key, uid, said)

    machine.board.report = forgetful  # type: ignore[method-assign, assignment]
    began = machine.time
    assert await machine.ask() == Granted()
    assert lost == 2
    assert machine.time - began == pytest.approx(2.0, abs=0.1)
    await machine.until(Serving.AWAKE)


async def test_a_workload_that_is_not_known_yet_is_looked_for_again(machine: Machine):
    await machine.start(service())
    machine.workloads.broken[HELLO] = KeyError(HELLO)
    client = machine.ask()
    await asyncio.sleep(3)
    assert not client.done()
    machine.workloads.broken.clear()
    assert await client == Granted()


async def test_a_service_without_a_status_is_held_for_until_there_is_one(machine: Machine):
    machine.catalog.define(service())
    machine.start_gateway()
    client = machine.ask()
    await asyncio.sleep(5)
    assert not client.done()
    machine.start_controller()
    assert await client == Granted()
