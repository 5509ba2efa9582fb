import asyncio

import pytest

from tests.machine import HELLO, SHOP, Machine, broken, in_fake_time, service
from wakedock_operator.activator.options import GatewayOptions
from wakedock_operator.activator.questions import Granted, Phase, Progress, Refusal, RefusalReason
from wakedock_operator.core.status import FailureReason, Serving
from wakedock_operator.ports.journal import EventKind
from wakedock_operator.ports.workloads import ProbeResult
from wakedock_operator.resource import Key

pytestmark = in_fake_time

NOBODY = Key("default", "nobody")
SICK = ProbeResult(ready=False, detail="HTTP 500", unhealthy=True)


@pytest.fixture
def slow(machine: Machine) -> Machine:
    """Backends do only what the test says."""
    machine.workloads.prompt = False
    return machine


async def test_a_question_about_a_service_that_is_not_known_is_refused_at_once(machine: Machine):
    await machine.start(service())
    assert await machine.ask(NOBODY) == Refusal(RefusalReason.UNKNOWN)
    assert machine.desk.visit(machine.question(NOBODY)) == Refusal(RefusalReason.UNKNOWN)
    assert machine.desk.service(NOBODY) is None
    assert machine.desk.progress(NOBODY) == Progress(Phase.FAILED)
    assert machine.metric("rejected_total", {"reason": "unknown-service"}) == 1


async def test_the_definition_that_is_served_is_shown(machine: Machine):
    await machine.start(service())
    assert machine.desk.service(HELLO) == service()


async def test_a_question_waits_no_longer_than_wake_timeout_and_hears_the_class_of_the_cause(slow: Machine):
    await slow.start(service(wake={"timeout": "20s"}))
    began = slow.time
    assert await slow.ask() == Refusal(RefusalReason.TIMED_OUT, FailureReason.NO_ANSWER)
    assert slow.time - began == pytest.approx(20, abs=0.1)
    assert slow.metric("rejected_total", {"reason": "timed-out"}) == 1


async def test_an_app_that_answers_wrongly_is_called_unhealthy_when_the_time_is_over(slow: Machine):
    await slow.start(service(wake={"timeout": "20s"}))
    client = slow.ask()
    await slow.settle()
    slow.workloads.answer(HELLO, slow.workloads.appear(HELLO), SICK)
    assert await client == Refusal(RefusalReason.TIMED_OUT, FailureReason.UNHEALTHY)


async def test_all_rounds_of_a_request_together_are_bounded_by_wake_timeout(slow: Machine):
    await slow.start(service(wake={"timeout": "20s"}))
    began = slow.time
    assert await slow.ask(age=15) == Refusal(RefusalReason.TIMED_OUT, FailureReason.NO_ANSWER)
    assert slow.time - began == pytest.approx(5, abs=0.1)
    assert await slow.ask(age=25) == Refusal(RefusalReason.TIMED_OUT, FailureReason.NO_ANSWER)
    assert slow.time - began == pytest.approx(5, abs=0.1)


async def test_one_more_than_max_held_is_refused_at_once_and_other_services_are_not(slow: Machine):
    await slow.start(service(wake={"maxHeld": 3}), service(SHOP))
    held = [slow.ask() for _ in range(3)]
    await slow.settle()
    began = slow.time
    assert await slow.ask() == Refusal(RefusalReason.TOO_MANY_HELD)
    assert slow.time == began
    other = slow.ask(SHOP)
    await slow.settle()
    assert not any(client.done() for client in (*held, other))
    assert (len(slow.service().holds), slow.activator.held, slow.metric("held")) == (3, 4, 4)


async def test_one_more_than_all_services_together_may_hold_is_refused_at_once():
    machine = Machine(options=GatewayOptions(max_held=2))
    machine.workloads.prompt = False
    await machine.start(service(), service(SHOP))
    for key in (HELLO, SHOP):
        machine.ask(key)
    await machine.settle()
    third = Key("default", "third")
    machine.catalog.define(service(third))
    await machine.settle()
    assert await machine.ask(third) == Refusal(RefusalReason.TOO_MANY_HELD)
    await machine.settle()
    assert machine.workloads.did("start", third) == 1, "it is woken all the same: the next try may find it awake"
    assert machine.metric("rejected_total", {"reason": "too-many-held"}) == 1
    await machine.stop()


async def test_a_client_that_leaves_frees_its_place(slow: Machine):
    await slow.start(service(wake={"maxHeld": 1}))
    first = slow.ask()
    await slow.settle()
    await slow.leave(first)
    second = slow.ask()
    await slow.settle()
    assert not second.done()
    assert (len(slow.service().holds), slow.activator.held, slow.metric("held")) == (1, 1, 1)


async def test_a_question_about_a_suspended_service_is_refused_at_once(machine: Machine):
    await machine.start(service(suspend=True))
    refusal = Refusal(RefusalReason.SUSPENDED, retry_after=60.0)
    assert await machine.ask() == refusal
    assert machine.desk.visit(machine.question()) == refusal
    assert machine.desk.progress(HELLO).phase is Phase.SUSPENDED
    assert machine.workloads.calls == []


async def test_a_visit_wakes_without_holding_anything(machine: Machine):
    await machine.start(service())
    assert machine.desk.visit(machine.question()) is None
    assert machine.activator.held == 0
    await machine.until(Serving.AWAKE)
    await machine.settle()
    assert (machine.desk.progress(HELLO).phase, machine.workloads.did("start")) == (Phase.READY, 1)
    (woke,) = machine.events(EventKind.WOKE)
    assert woke.asker is not None
    assert woke.asker.host == "hello.localhost"


async def test_a_visit_is_a_wish_for_as_long_as_wake_timeout(slow: Machine):
    await slow.start(service(wake={"timeout": "20s"}))
    assert slow.desk.visit(slow.question()) is None
    await asyncio.sleep(19)
    assert slow.service().wanted(slow.time)
    await asyncio.sleep(2)
    assert not slow.service().wanted(slow.time)


async def test_progress_tells_how_far_the_wake_is_and_how_long_it_takes(slow: Machine):
    await slow.start(service())
    assert slow.desk.progress(HELLO) == Progress(Phase.ASLEEP)
    slow.ask()
    await asyncio.sleep(3)
    progress = slow.desk.progress(HELLO)
    assert progress.phase is Phase.STARTING
    assert progress.elapsed == pytest.approx(3, abs=0.1)


async def test_progress_names_the_class_of_a_failure(machine: Machine):
    await machine.start(service())
    machine.workloads.refused_starts[HELLO] = broken()
    await machine.ask()
    assert machine.desk.progress(HELLO) == Progress(Phase.FAILED, failure=FailureReason.EXITED)


async def test_a_follower_gets_the_present_progress_then_each_phase_with_the_typical_duration(slow: Machine):
    await slow.start(service(), service(SHOP))
    seen: list[Progress] = []

    async def watch() -> None:
        async for progress in slow.desk.follow(HELLO):
            seen.append(progress)  # noqa: PERF401 - it never ends

    watching = asyncio.create_task(watch())
    await slow.settle()
    client = slow.ask()
    slow.ask(SHOP)
    await asyncio.sleep(1)
    instance = slow.workloads.appear(HELLO)
    await asyncio.sleep(1)
    slow.workloads.answer(HELLO, instance)
    assert await client == Granted()
    await slow.settle()
    assert [progress.phase for progress in seen] == [Phase.ASLEEP, Phase.STARTING, Phase.STARTED, Phase.READY]
    assert {progress.typical for progress in seen} == {None}
    watching.cancel()
    await asyncio.wait({watching})

    watching = asyncio.create_task(watch())
    await slow.settle()
    assert seen[-1].typical == pytest.approx(2, abs=0.2)
    watching.cancel()
    await asyncio.wait({watching})


async def test_a_visit_asks_for_one_start_and_a_failed_one_is_not_tried_again_by_itself(machine: Machine):
    await machine.start(service())
    machine.workloads.refused_starts[HELLO] = broken()
    assert machine.desk.visit(machine.question()) is None
    await machine.until(lambda: machine.status().failures == 1)
    await asyncio.sleep(120)
    assert machine.workloads.did("start") == 1
