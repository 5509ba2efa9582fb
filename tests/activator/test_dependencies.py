import asyncio
from dataclasses import replace

import pytest

from tests.machine import DB, HELLO, SHOP, Machine, broken, in_fake_time, service
from wakedock_operator.activator.questions import Granted, Phase, Refusal, RefusalReason
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import DrainReason, FailureReason, ReportKind, Serving, WakeReason
from wakedock_operator.ports.journal import EventKind
from wakedock_operator.resource import Key, WakeService

pytestmark = in_fake_time

CHAIN = (service(DB, hosts=[]), service(SHOP, dependsOn=["db"]), service(HELLO, dependsOn=["shop"]))
"""hello needs shop, and shop needs db."""


@pytest.fixture
def slow(machine: Machine) -> Machine:
    """Backends do only what the test says."""
    machine.workloads.prompt = False
    return machine


def starts(machine: Machine) -> list[str]:
    return [key.name for what, key in machine.workloads.calls if what == "start"]


async def comes_up(machine: Machine, key: Key) -> None:
    machine.workloads.answer(key, machine.workloads.appear(key))
    await asyncio.sleep(0.2)


def needing(wait: str) -> tuple[WakeService, ...]:
    return service(DB, hosts=[]), service(HELLO, dependsOn=[{"name": "db", "wait": wait}])


async def test_a_chain_is_started_in_order_each_when_the_one_before_is_ready(slow: Machine):
    await slow.start(*CHAIN)
    client = slow.ask()
    await slow.settle()
    assert starts(slow) == ["db"]
    assert slow.desk.progress(HELLO).phase is Phase.DEPENDENCIES
    await comes_up(slow, DB)
    assert starts(slow) == ["db", "shop"]
    await comes_up(slow, SHOP)
    assert starts(slow) == ["db", "shop", "hello"]
    assert not client.done()
    await comes_up(slow, HELLO)
    assert await client == Granted()
    await slow.settle()
    assert {slow.serving(key) for key in (DB, SHOP, HELLO)} == {Serving.AWAKE}


async def test_what_waits_for_started_only_is_started_together_with_its_dependency(slow: Machine):
    await slow.start(*needing("Started"))
    slow.ask()
    await slow.settle()
    assert starts(slow) == ["db", "hello"]


async def test_what_waits_for_ready_is_not(slow: Machine):
    await slow.start(*needing("Ready"))
    slow.ask()
    await asyncio.sleep(10)
    assert starts(slow) == ["db"]


async def test_a_dependency_that_is_awake_already_costs_no_time(machine: Machine):
    await machine.start(*needing("Ready"), service(SHOP, dependsOn=["db"]))
    await machine.woken(SHOP)
    began = machine.time
    assert await machine.ask() == Granted()
    assert machine.time - began < 0.1
    assert starts(machine) == ["db", "shop", "hello"]


async def test_the_gateway_reports_busy_on_the_dependency_too(slow: Machine):
    await slow.start(*CHAIN)
    slow.ask()
    await slow.settle()
    assert {slow.said(key) for key in (DB, SHOP, HELLO)} == {ReportKind.BUSY}
    assert [slow.status(key).gateways[0].holding for key in (DB, SHOP, HELLO)] == [False, False, True]


async def test_a_dependency_says_that_a_dependant_woke_it(machine: Machine):
    await machine.start(*CHAIN)
    await machine.woken()
    assert [event.reason for event in machine.events(EventKind.WOKE, DB)] == [WakeReason.DEPENDANT]
    assert machine.count("wakes", DB, outcome="awake", cause="Dependant") == 1
    assert [event.reason for event in machine.events(EventKind.WOKE)] == [WakeReason.REQUEST]


async def test_the_failure_of_a_dependency_ends_the_wait_at_every_step_of_the_chain(machine: Machine):
    await machine.start(*CHAIN)
    machine.workloads.refused_starts[DB] = broken()
    began = machine.time
    answer = await machine.ask()
    assert isinstance(answer, Refusal)
    assert (answer.reason, answer.failure) == (RefusalReason.START_FAILED, FailureReason.DEPENDENCY_FAILED)
    assert machine.time - began < 0.5
    assert starts(machine) == ["db"]
    assert machine.desk.progress(HELLO).failure is FailureReason.DEPENDENCY_FAILED


async def test_once_the_back_off_of_the_dependency_has_passed_the_chain_is_tried_anew(machine: Machine):
    await machine.start(*CHAIN)
    machine.workloads.refused_starts[DB] = broken()
    answer = await machine.ask()
    assert isinstance(answer, Refusal)
    machine.workloads.refused_starts.clear()
    await asyncio.sleep(answer.retry_after + 0.1)
    assert await machine.ask() == Granted()


async def test_a_suspended_dependency_fails_its_dependant(machine: Machine):
    await machine.start(service(DB, hosts=[], suspend=True), service(HELLO, dependsOn=["db"]))
    answer = await machine.ask()
    assert isinstance(answer, Refusal)
    assert answer.failure is FailureReason.DEPENDENCY_FAILED
    machine.catalog.define(service(DB, hosts=[]))
    await asyncio.sleep(answer.retry_after + 0.1)
    assert await machine.ask() == Granted()


async def test_a_need_is_taken_back_when_the_client_leaves(slow: Machine):
    await slow.start(*CHAIN)
    client = slow.ask()
    await slow.settle()
    assert slow.service(DB).needed_by == {SHOP}
    assert slow.service(SHOP).needed_by == {HELLO}
    await slow.leave(client)
    await slow.settle()
    assert slow.service(DB).needed_by == set()
    assert slow.service(SHOP).needed_by == set()
    await comes_up(slow, DB)
    await slow.until(Serving.AWAKE, DB)
    assert starts(slow) == ["db"]
    await slow.asleep(DB)


async def test_a_dependency_that_is_gone_is_not_waited_for(machine: Machine):
    await machine.start(*needing("Ready"))
    machine.catalog.end(DB)
    await machine.until(lambda: DB not in machine.activator.services)
    assert await machine.ask() == Granted()


async def test_a_dependency_in_a_drain_is_woken_before_its_dependant_is_started(machine: Machine):
    await machine.start(*needing("Ready"))
    await machine.woken()
    await machine.asleep()
    await machine.until(Serving.DRAINING, DB)
    assert await machine.ask() == Granted()
    await machine.until(Serving.AWAKE)
    assert machine.serving(DB) is Serving.AWAKE
    assert machine.runs(DB)


async def test_an_idle_dependency_stays_up_while_a_dependant_is_awake_and_sleeps_after_it(machine: Machine):
    await machine.start(*needing("Ready"))
    await machine.woken()
    machine.edge.busy(HELLO, 1)
    await asyncio.sleep(3600)
    assert (machine.serving(DB), machine.said(DB)) == (Serving.AWAKE, ReportKind.IDLE)
    machine.edge.busy(HELLO, 0)
    await machine.asleep(DB)
    stops = [key.name for what, key in machine.workloads.calls if what == "stop"]
    assert stops == ["hello", "db"]


async def test_a_visit_of_a_dependant_wakes_the_chain(machine: Machine):
    await machine.start(*CHAIN)
    assert machine.desk.visit(machine.question()) is None
    await machine.until(Serving.AWAKE)
    assert starts(machine) == ["db", "shop", "hello"]


# A dependency that cannot be woken


async def test_a_wake_whose_dependency_fails_has_failed_too_and_nothing_is_started_again_by_itself(machine: Machine):
    await machine.start(*needing("Ready"))
    machine.workloads.refused_starts[DB] = broken()
    client = machine.ask()
    assert isinstance(await client, Refusal)
    await machine.asleep()
    drain = machine.status().drain
    assert drain is not None
    assert drain.cause is not None
    assert drain.cause.reason is FailureReason.DEPENDENCY_FAILED
    assert drain.cause.message == "default/db, on which it depends, did not start: the app ended with exit code 1"
    assert len(machine.events(EventKind.WAKE_FAILED)) == 1
    tried = machine.workloads.did("start", DB)
    await asyncio.sleep(600)
    assert (machine.workloads.did("start", DB), machine.workloads.did("start")) == (tried, 0)


async def test_a_command_whose_dependency_fails_is_handled(machine: Machine):
    await machine.start(*needing("Ready"))
    machine.workloads.refused_starts[DB] = broken()
    await machine.catalog.ask(HELLO, wake="now")
    await machine.until(lambda: machine.status().handled.wake == "now")
    await machine.asleep()
    tried = machine.workloads.did("start", DB)
    await asyncio.sleep(600)
    assert machine.workloads.did("start", DB) == tried
    del machine.workloads.refused_starts[DB]
    assert await machine.ask() == Granted()


async def test_a_command_whose_dependency_is_suspended_fails(machine: Machine):
    await machine.start(service(DB, hosts=[], suspend=True), service(HELLO, dependsOn=["db"]))
    await machine.catalog.ask(HELLO, wake="now")
    await machine.until(lambda: machine.status().handled.wake == "now")
    drain = machine.status().drain
    assert drain is not None
    assert drain.cause is not None
    assert drain.cause.message == "default/db, on which it depends, is suspended"


async def test_a_wake_that_everybody_left_before_its_dependency_was_ready_ends(slow: Machine):
    await slow.start(service(DB, hosts=[]), service(HELLO, dependsOn=["db"], wake={"timeout": "3s"}))
    client = slow.ask()
    answer = await client
    assert isinstance(answer, Refusal)
    assert answer.reason is RefusalReason.TIMED_OUT
    await slow.until(lambda: slow.status().drain is not None)
    drain = slow.status().drain
    assert drain is not None
    assert drain.cause is not None
    assert (drain.cause.reason, drain.cause.message) == (
        FailureReason.DEPENDENCY_FAILED,
        "what it depends on was not ready within wake.timeout (3 s)",
    )


# A dependency that crashes under a dependant in use


async def test_a_dependency_that_crashes_under_an_awake_dependant_is_started_again_at_once(machine: Machine):
    await machine.start(*needing("Ready"))
    await machine.woken()
    machine.workloads.crash(DB, machine.instance(DB))
    await machine.settle()
    assert machine.runs(DB)
    assert (machine.serving(DB), machine.service(DB).needed_by) == (Serving.AWAKE, set())
    assert [event.reason for event in machine.events(EventKind.WOKE, DB)] == [WakeReason.DEPENDANT] * 2
    assert machine.workloads.did("start") == 1


async def test_one_that_takes_requests_is_started_again_too(machine: Machine):
    await machine.start(service(DB), service(HELLO, dependsOn=["db"]))
    await machine.woken()
    machine.workloads.crash(DB, machine.instance(DB))
    await machine.settle()
    assert machine.edge.steering(DB) == machine.workloads._workloads[DB].instances[machine.instance(DB)].address


async def test_every_dependant_in_use_needs_it_and_it_is_started_once(machine: Machine):
    await machine.start(service(DB, hosts=[]), service(HELLO, dependsOn=["db"]), service(SHOP, dependsOn=["db"]))
    await machine.woken()
    await machine.woken(SHOP)
    machine.workloads.crash(DB, machine.instance(DB))
    await machine.settle()
    assert machine.workloads.did("start", DB) == 2


async def test_one_that_keeps_crashing_is_started_after_a_growing_back_off_as_long_as_the_dependant_is_in_use(machine: Machine):
    await machine.start(*needing("Ready"))
    await machine.woken()
    machine.edge.busy(HELLO, 1)
    downtimes = []
    for _ in range(10):
        machine.workloads.crash(DB, machine.instance(DB))
        crashed = machine.time
        await machine.settle()
        await machine.until(lambda: machine.runs(DB))
        await machine.settle()
        downtimes.append(round(machine.time - crashed))
    assert downtimes == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert machine.serving() is Serving.AWAKE


async def test_one_that_crashes_while_nobody_uses_it_stays_down(machine: Machine):
    await machine.start(*needing("Ready"))
    await machine.woken()
    await machine.asleep()
    machine.workloads.crash(DB, machine.instance(DB))
    await asyncio.sleep(600)
    assert machine.workloads.did("start", DB) == 1


async def test_where_a_backend_restarts_apps_itself_zero_is_somebodys_wish_and_the_dependant_sleeps_first(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
):
    observe = machine.workloads.observe

    async def counted(key: Key) -> Observation:
        return replace(await observe(key), generation=1)

    monkeypatch.setattr(machine.workloads, "observe", counted)
    await machine.start(*needing("Ready"))
    await machine.woken()
    machine.workloads.crash(DB, machine.instance(DB))
    await machine.asleep(DB)
    assert (machine.serving(), machine.drained_by(DB)) == (Serving.ASLEEP, DrainReason.SCALED_TO_ZERO)
    assert machine.workloads.did("start", DB) == 1
