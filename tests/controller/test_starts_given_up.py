import asyncio

import pytest

from tests.machine import HELLO, Machine, broken, in_fake_time, service
from wakedock_operator.activator.questions import Granted, Refusal
from wakedock_operator.core.status import DrainReason, Failure, FailureReason, ReportKind, Serving
from wakedock_operator.ports.journal import EventKind

pytestmark = in_fake_time

SICK = Failure("hello-1/unhealthy", FailureReason.UNHEALTHY, "the app answers HTTP 500", healable=True)
HOMELESS = Failure("hello-1/unschedulable", FailureReason.UNSCHEDULABLE, "no node takes it", healable=True)


@pytest.fixture
def slow(machine: Machine) -> Machine:
    """Backends do only what the test says."""
    machine.workloads.prompt = False
    return machine


async def test_a_start_that_failed_is_a_forced_sleep_with_cause_and_back_off(machine: Machine):
    await machine.start(service())
    machine.workloads.refused_starts[HELLO] = broken()
    assert isinstance(await machine.ask(), Refusal)
    await machine.asleep()
    drain = machine.status().drain
    assert drain is not None
    assert (drain.reason, drain.forced, drain.backoff) == (DrainReason.START_FAILED, True, 1.0)
    assert drain.cause is not None
    assert (drain.cause.reason, drain.cause.message) == (FailureReason.EXITED, "the app ended with exit code 1")
    assert machine.status().failures == 1


async def test_it_is_counted_recorded_with_who_asked_and_shown(machine: Machine):
    await machine.start(service())
    machine.workloads.refused_starts[HELLO] = broken()
    await machine.ask(path="/cart")
    await machine.asleep()
    assert machine.count("wakes", outcome="failed", cause="Exited") == 1
    (event,) = machine.events(EventKind.WAKE_FAILED)
    assert (event.reason, event.message) == (FailureReason.EXITED, "the app ended with exit code 1")
    assert event.asker is not None
    assert event.asker.path == "/cart"
    ready = machine.condition("Ready")
    assert (ready.status, ready.reason, ready.message) == ("False", "StartFailed", "the app ended with exit code 1")


async def test_a_workload_that_does_not_exist_is_told_before_anybody_asks_and_taken_back_when_it_comes(machine: Machine):
    await machine.start(service())
    await machine.settle()
    assert machine.condition("Ready").status == "True"
    gone = Failure("hello/missing/1", FailureReason.TARGET_MISSING, "there is no Deployment default/hello")
    machine.workloads.fail(HELLO, gone)
    await machine.settle()
    ready = machine.condition("Ready")
    assert (ready.status, ready.reason, ready.message) == ("False", "TargetMissing", gone.message)
    machine.workloads._workloads[HELLO].failure = None
    machine.workloads.write(HELLO, "it is there now")
    await machine.settle()
    assert machine.condition("Ready").status == "True"


async def test_the_back_off_doubles_in_the_status_and_a_success_resets_it(machine: Machine):
    await machine.start(service())
    backoffs = []
    for number in range(1, 5):
        machine.workloads.refused_starts[HELLO] = broken(number)
        answer = await machine.ask()
        assert isinstance(answer, Refusal)
        await machine.asleep()
        drain = machine.status().drain
        assert drain is not None
        backoffs.append(drain.backoff)
        await asyncio.sleep(drain.backoff + 0.1)
    assert backoffs == [1.0, 2.0, 4.0, 8.0]
    machine.workloads.refused_starts.clear()
    await machine.woken()
    assert (machine.status().failures, machine.status().failed) == (0, "")
    assert machine.condition("Ready").reason == "Served"


async def test_an_unanswered_start_goes_on_while_somebody_holds_and_is_given_up_when_nobody_does(slow: Machine):
    await slow.start(service(wake={"timeout": "20s"}))
    began = slow.time
    clients = [slow.ask()]
    await slow.settle()
    slow.workloads.appear(HELLO)
    for _ in range(3):
        await asyncio.sleep(15)
        clients.append(slow.ask())
    await slow.settle()
    assert (slow.serving(), slow.time - began > 40) == (Serving.ASLEEP, True)
    await asyncio.wait(clients)
    await slow.until(Serving.DRAINING, within=2)
    drain = slow.status().drain
    assert drain is not None
    assert drain.cause is not None
    assert (drain.cause.reason, drain.cause.message) == (FailureReason.NO_ANSWER, "no answer within wake.timeout (20 s)")
    await slow.until(lambda: slow.workloads.did("stop") == 1)


async def test_a_clients_time_out_alone_ends_nothing(slow: Machine):
    await slow.start(service(wake={"timeout": "20s"}))
    impatient = slow.ask(age=18)
    await slow.settle()
    instance = slow.workloads.appear(HELLO)
    assert isinstance(await impatient, Refusal)
    await asyncio.sleep(5)
    assert (slow.serving(), slow.said()) == (Serving.ASLEEP, ReportKind.BUSY)
    slow.workloads.answer(HELLO, instance)
    await slow.until(Serving.AWAKE)
    assert slow.workloads.did("stop") == 0


async def test_what_may_heal_is_waited_for_and_named_when_the_time_is_over(slow: Machine):
    await slow.start(service(wake={"timeout": "20s"}))
    client = slow.ask()
    await slow.settle()
    slow.workloads.appear(HELLO)
    slow.workloads._workloads[HELLO].failure = SICK
    await client
    await slow.until(Serving.DRAINING)
    cause = slow.status().drain.cause  # type: ignore[union-attr]
    assert cause is not None
    assert (cause.reason, cause.message) == (
        FailureReason.UNHEALTHY,
        "no answer within wake.timeout (20 s); last seen: the app answers HTTP 500",
    )


async def test_with_fail_fast_what_may_heal_ends_the_wait_at_once(slow: Machine):
    await slow.start(service(wake={"timeout": "20s", "failFast": True}))
    client = slow.ask()
    await slow.settle()
    slow.workloads.appear(HELLO)
    slow.workloads._workloads[HELLO].failure = HOMELESS
    slow.workloads._changes.announce(HELLO)
    began = slow.time
    answer = await client
    assert isinstance(answer, Refusal)
    assert answer.failure is FailureReason.UNSCHEDULABLE
    assert slow.time - began < 1


async def test_even_then_an_app_may_take_its_time_to_get_well(slow: Machine):
    await slow.start(service(wake={"timeout": "20s", "failFast": True}))
    client = slow.ask()
    await slow.settle()
    instance = slow.workloads.appear(HELLO)
    slow.workloads._workloads[HELLO].failure = SICK
    slow.workloads._changes.announce(HELLO)
    await asyncio.sleep(5)
    slow.workloads._workloads[HELLO].failure = None
    slow.workloads.answer(HELLO, instance)
    assert await client == Granted()


async def test_a_restarted_controller_gives_a_failed_start_up_once(machine: Machine):
    await machine.start(service())
    machine.workloads.refused_starts[HELLO] = broken()
    await machine.ask()
    await machine.asleep()
    await machine.kill("controller")
    machine.start_controller()
    await asyncio.sleep(10)
    assert machine.count("wakes", outcome="failed", cause="Exited") == 1
    machine.workloads.refused_starts.clear()
    assert await machine.ask() == Granted()


async def test_a_crash_while_awake_is_recorded_once_and_shown_and_the_service_stays_awake(machine: Machine):
    await machine.start(service())
    machine.workloads.crash(HELLO, await machine.woken())
    await asyncio.sleep(5)
    (event,) = machine.events(EventKind.CRASHED)
    assert (event.reason, event.message) == (FailureReason.EXITED, "the process exited with code 1")
    assert machine.serving() is Serving.AWAKE
    ready = machine.condition("Ready")
    assert (ready.status, ready.reason) == ("True", "Crashed")
    assert ready.message == "the process exited with code 1; the next request starts it again"
    await machine.asleep()
    assert await machine.ask() == Granted()
    await machine.until(Serving.AWAKE)
    await machine.settle()
    assert machine.condition("Ready").reason == "Served"
