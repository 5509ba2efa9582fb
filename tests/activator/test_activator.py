import asyncio
from datetime import timedelta

import pytest

from tests.machine import HELLO, IDLE_TIMEOUT, SHOP, Machine, broken, in_fake_time, service
from wakedock_operator.activator.questions import Granted, Phase, Refusal, RefusalReason
from wakedock_operator.activator.service import IN_VAIN
from wakedock_operator.core.gateway import OTHERS_FIRST
from wakedock_operator.core.status import DrainReason, FailureReason, Report, ReportKind, Serving
from wakedock_operator.ports.fakes.workloads import NOT_YET
from wakedock_operator.ports.journal import EventKind
from wakedock_operator.resource import Key

pytestmark = in_fake_time

FAILED = Refusal(RefusalReason.START_FAILED, FailureReason.EXITED)


@pytest.fixture
def slow(machine: Machine) -> Machine:
    """Backends do only what the test says."""
    machine.workloads.prompt = False
    return machine


async def failed(machine: Machine, key: Key = HELLO) -> Refusal:
    answer = await machine.ask(key)
    assert isinstance(answer, Refusal)
    assert (answer.reason, answer.failure) == (FAILED.reason, FAILED.failure)
    return answer


# A wake


async def test_a_question_to_a_sleeping_app_starts_it_once_and_is_granted_when_it_answers(slow: Machine):
    await slow.start(service())
    assert slow.serving() is Serving.ASLEEP
    client = slow.ask()
    await slow.settle()
    assert slow.said() is ReportKind.BUSY
    assert slow.status().gateways[0].holding
    assert slow.workloads.did("start") == 1
    instance = slow.workloads.appear(HELLO)
    await asyncio.sleep(5)
    assert not client.done()
    assert slow.edge.steering(HELLO) is None
    slow.workloads.answer(HELLO, instance)
    assert await client == Granted()
    assert slow.edge.steering(HELLO) == "127.0.0.1:20001"
    await slow.settle()
    assert slow.serving() is Serving.AWAKE
    assert slow.workloads.did("start") == 1


async def test_a_hundred_questions_are_one_start(slow: Machine):
    await slow.start(service())
    clients = [slow.ask() for _ in range(100)]
    await slow.settle()
    slow.workloads.answer(HELLO, slow.workloads.appear(HELLO))
    assert await asyncio.gather(*clients) == [Granted()] * 100
    assert slow.workloads.did("start") == 1
    assert len(slow.events(EventKind.WOKE)) == 1


async def test_the_gateway_says_busy_and_fences_before_it_touches_the_workload(machine: Machine):
    order: list[str] = []
    machine.board.before_report = lambda key: order.append("report")
    await machine.start(service())
    await machine.kill("controller")
    assert await machine.ask() == Granted()
    assert [what for what, _ in machine.workloads.calls] == ["fence", "start"]
    assert order == ["report"]


async def test_with_the_controller_dead_a_request_still_wakes_its_app(machine: Machine):
    await machine.start(service())
    await machine.kill("controller")
    assert await machine.ask() == Granted()
    assert machine.serving() is Serving.ASLEEP
    machine.start_controller()
    await machine.until(Serving.AWAKE)
    assert machine.edge.steering(HELLO) == "127.0.0.1:20001"
    assert machine.workloads.did("stop") == 0


async def test_a_new_client_is_granted_at_once_while_the_app_answers(machine: Machine):
    await machine.start(service())
    await machine.woken()
    began = machine.time
    machine.edge.busy(HELLO, 1)
    machine.request()
    assert machine.time == began
    assert await machine.ask() == Granted()
    assert machine.workloads.did("start") == 1


async def test_a_client_that_leaves_before_the_app_answers_takes_holding_back_and_the_app_wakes_all_the_same(slow: Machine):
    await slow.start(service())
    client = slow.ask()
    await slow.settle()
    await slow.leave(client)
    await slow.settle()
    assert (slow.said(), slow.status().gateways[0].holding) == (ReportKind.BUSY, False)
    slow.workloads.answer(HELLO, slow.workloads.appear(HELLO))
    await slow.until(Serving.AWAKE)
    await slow.settle()
    assert slow.edge.steering(HELLO) == "127.0.0.1:20001"


# A start that fails


async def test_a_failed_start_is_answered_with_its_cause_until_its_back_off_ends_then_there_is_a_new_start(machine: Machine):
    await machine.start(service())
    machine.workloads.refused_starts[HELLO] = broken()
    assert (await failed(machine)).retry_after == pytest.approx(1, abs=0.1)
    await failed(machine)
    assert machine.workloads.did("start") == 1
    del machine.workloads.refused_starts[HELLO]
    await asyncio.sleep(1.1)
    assert await machine.ask() == Granted()
    assert machine.workloads.did("start") == 2


async def test_the_back_off_doubles_with_each_failure_and_a_success_resets_it(machine: Machine):
    await machine.start(service())
    waits = []
    for number in range(1, 8):
        machine.workloads.refused_starts[HELLO] = broken(number)
        refusal = await failed(machine)
        waits.append(round(refusal.retry_after))
        await asyncio.sleep(refusal.retry_after + 0.1)
    assert waits == [1, 2, 4, 8, 16, 32, 60]
    machine.workloads.refused_starts.clear()
    instance = await machine.woken()
    machine.workloads.crash(HELLO, instance)
    await machine.asleep()
    machine.workloads.refused_starts[HELLO] = broken(9)
    assert (await failed(machine)).retry_after == pytest.approx(1, abs=0.1)


async def test_with_the_controller_dead_a_failed_start_is_answered_with_the_cause_that_the_gateway_sees(machine: Machine):
    await machine.start(service())
    await machine.kill("controller")
    machine.workloads.refused_starts[HELLO] = broken()
    await failed(machine)
    await asyncio.sleep(1.1)
    machine.workloads.refused_starts[HELLO] = broken(2)
    assert (await failed(machine)).retry_after == pytest.approx(2, abs=0.1)
    await asyncio.sleep(2.1)
    machine.workloads.refused_starts.clear()
    assert await machine.ask() == Granted()


async def test_a_start_that_fails_while_a_hundred_wait_is_told_to_all_of_them(slow: Machine):
    await slow.start(service())
    clients = [slow.ask() for _ in range(100)]
    await slow.settle()
    slow.workloads.fail(HELLO, broken())
    answers = await asyncio.gather(*clients)
    assert {(a.reason, a.failure) for a in answers if isinstance(a, Refusal)} == {(FAILED.reason, FAILED.failure)}
    assert slow.metric("rejected_total", {"reason": "start-failed"}) == 100


# A crash


async def test_an_app_that_crashed_while_awake_is_started_again_by_the_next_request_at_once(machine: Machine):
    await machine.start(service())
    instance = await machine.woken()
    machine.workloads.crash(HELLO, instance)
    await machine.settle()
    assert machine.edge.steering(HELLO) is None
    assert machine.workloads.did("start") == 1
    began = machine.time
    assert await machine.ask() == Granted()
    assert machine.time - began < 0.1
    assert machine.workloads.did("start") == 2


async def test_a_crash_is_never_mended_by_a_timer(machine: Machine):
    await machine.start(service())
    machine.workloads.crash(HELLO, await machine.woken())
    await asyncio.sleep(30)
    assert machine.workloads.did("start") == 1


async def test_an_app_that_crashes_again_soon_is_started_again_only_after_a_back_off(machine: Machine):
    await machine.start(service())
    machine.workloads.crash(HELLO, await machine.woken())
    await machine.settle()
    assert await machine.ask() == Granted()
    await machine.settle()
    machine.workloads.crash(HELLO, machine.instance())
    await machine.settle()
    assert (await failed(machine)).retry_after == pytest.approx(1, abs=0.1)
    await asyncio.sleep(1)
    assert await machine.ask() == Granted()


async def test_a_grant_that_was_overtaken_is_held_again_and_the_app_is_probed_anew(machine: Machine):
    await machine.start(service())
    await machine.woken()
    probes = len(machine.workloads.probed)
    assert await machine.ask() == Granted()
    assert len(machine.workloads.probed) > probes
    assert machine.serving() is Serving.AWAKE


# Idleness


@pytest.mark.parametrize("timeout", [1.0, 60.0, 3600.0])
async def test_an_app_sleeps_between_t_and_one_point_one_t_after_its_last_request(machine: Machine, timeout: float):
    await machine.start(service(idleTimeout=f"{timeout:g}s"))
    await machine.woken()
    for pause in (0.3, 0.77, 0.11):
        await asyncio.sleep(timeout * pause)
        machine.request()
    last = machine.time
    await machine.until(lambda: machine.serving() is not Serving.AWAKE, within=1.1 * timeout)
    assert timeout <= machine.time - last <= 1.1 * timeout


async def test_a_request_takes_the_report_of_idleness_back(machine: Machine):
    await machine.start(service(sleep={"mode": "Never"}))
    await machine.woken()
    await machine.until(lambda: machine.said() is ReportKind.IDLE)
    machine.request()
    await machine.until(lambda: machine.said() is ReportKind.BUSY, within=IDLE_TIMEOUT)
    await machine.until(lambda: machine.said() is ReportKind.IDLE, within=1.1 * IDLE_TIMEOUT)


@pytest.mark.parametrize("request_meanwhile", [False, True])
async def test_a_gateway_that_lets_others_say_first_that_they_are_idle_looks_again_before_it_says_so(
    machine: Machine, *, request_meanwhile: bool
):
    def idle() -> bool:
        return machine.service().idleness.idle()

    await machine.start(service(idleTimeout="1h", sleep={"mode": "Never"}))
    await machine.woken()
    status = machine.board.view(HELLO)
    assert status is not None
    assert machine.options.name > "a-gateway"
    await machine.board.report(HELLO, status.uid, Report("a-gateway", ReportKind.BUSY, epoch=status.epoch))
    await machine.until(idle, within=1.1 * 3600)
    await asyncio.sleep(OTHERS_FIRST / 2)
    assert machine.said() is not ReportKind.IDLE
    if request_meanwhile:
        machine.request()
    await asyncio.sleep(OTHERS_FIRST)
    assert (machine.said() is ReportKind.IDLE) is not request_meanwhile


async def test_what_is_in_flight_keeps_awake_for_ever(machine: Machine):
    await machine.start(service())
    await machine.woken()
    machine.edge.busy(HELLO, 1)
    await asyncio.sleep(3600)
    assert machine.serving() is Serving.AWAKE
    machine.edge.busy(HELLO, 0)
    await machine.until(Serving.ASLEEP)


async def test_without_an_answer_from_the_edge_nothing_sleeps(machine: Machine):
    await machine.start(service())
    await machine.woken()
    machine.edge.available = False
    await asyncio.sleep(3600)
    assert machine.serving() is Serving.AWAKE
    machine.edge.available = True
    await machine.until(Serving.ASLEEP)


async def test_another_idle_timeout_counts_from_the_last_request_on(machine: Machine):
    await machine.start(service())
    await machine.woken()
    last = machine.time
    await asyncio.sleep(30)
    machine.catalog.define(service(idleTimeout="40s"))
    await machine.until(lambda: machine.serving() is not Serving.AWAKE)
    assert 40 <= machine.time - last <= 45


async def test_it_is_known_since_when_a_service_is_idle(machine: Machine):
    await machine.start(service())
    assert machine.activator.idle_since(HELLO) is None
    await machine.woken()
    assert machine.activator.idle_since(HELLO) is None
    since = machine.now
    await asyncio.sleep(30)
    idle = machine.activator.idle_since(HELLO)
    assert idle is not None
    assert timedelta(0) <= idle - since <= timedelta(seconds=3.1)
    assert machine.activator.idle_since(SHOP) is None


# A restart


async def test_a_new_gateway_adopts_an_awake_service_and_its_idle_clock_continues(machine: Machine):
    await machine.start(service())
    await machine.woken()
    machine.request()
    last = machine.time
    await asyncio.sleep(40)
    await machine.kill("gateway")
    assert machine.edge.steering(HELLO) == "127.0.0.1:20001"
    machine.start_gateway()
    await machine.settle()
    assert machine.edge.steering(HELLO) == "127.0.0.1:20001"
    assert machine.workloads.did("start") == 1
    await machine.until(lambda: machine.serving() is not Serving.AWAKE)
    assert 60 <= machine.time - last <= 66


async def test_a_request_that_came_while_the_gateway_was_away_counts(machine: Machine):
    await machine.start(service())
    await machine.woken()
    await asyncio.sleep(40)
    await machine.kill("gateway")
    await asyncio.sleep(100)
    machine.request()
    last = machine.time
    await asyncio.sleep(10)
    machine.start_gateway()
    await machine.until(lambda: machine.serving() is not Serving.AWAKE)
    assert 60 <= machine.time - last <= 66


async def test_a_connection_that_is_older_than_the_idle_timeout_keeps_a_new_gateway_from_calling_it_idle(machine: Machine):
    await machine.start(service())
    await machine.woken()
    machine.request()
    machine.edge.busy(HELLO, 1)
    await asyncio.sleep(3600)
    await machine.kill("gateway")
    machine.start_gateway()
    with machine.counted() as work:
        await asyncio.sleep(3600)
    assert work.writes == 0
    assert machine.serving() is Serving.AWAKE


async def test_what_was_held_is_asked_again_and_answered_by_the_new_gateway(slow: Machine):
    await slow.start(service())
    client = slow.ask()
    await slow.settle()
    instance = slow.workloads.appear(HELLO)
    await slow.kill("gateway")
    assert client.cancelled()
    slow.start_gateway()
    again = slow.ask(age=0.1)
    await slow.settle()
    slow.workloads.answer(HELLO, instance)
    assert await again == Granted()
    assert slow.workloads.did("start") == 1


async def test_both_halves_killed_while_a_request_is_held_lose_nothing(slow: Machine):
    await slow.start(service())
    slow.ask()
    await slow.settle()
    await slow.kill("gateway")
    await slow.kill("controller")
    slow.workloads.answer(HELLO, slow.workloads.appear(HELLO))
    slow.start_gateway()
    slow.start_controller()
    assert await slow.ask(age=0.1) == Granted()
    await slow.until(Serving.AWAKE)
    assert slow.workloads.did("stop") == 0


async def test_a_restart_wakes_nobody_and_puts_nobody_to_sleep(machine: Machine):
    await machine.start(service(), service(SHOP))
    await machine.woken()
    before = (machine.status(), machine.status(SHOP))
    for half in ("gateway", "controller"):
        await machine.kill(half)
    machine.start_gateway()
    machine.start_controller()
    await asyncio.sleep(5)
    assert (machine.status(), machine.status(SHOP)) == before


# Suspended, removed


async def test_what_is_held_when_a_service_is_suspended_is_refused_and_the_start_is_ended(slow: Machine):
    await slow.start(service())
    client = slow.ask()
    await slow.settle()
    slow.workloads.appear(HELLO)
    slow.catalog.define(service(suspend=True))
    assert await client == Refusal(RefusalReason.SUSPENDED, retry_after=60.0)
    await slow.until(lambda: slow.workloads.did("stop") == 1)
    assert slow.desk.progress(HELLO).phase is Phase.SUSPENDED


async def test_an_awake_service_that_is_suspended_goes_to_sleep_and_comes_back(machine: Machine):
    await machine.start(service())
    await machine.woken()
    machine.catalog.define(service(suspend=True))
    await machine.asleep()
    assert machine.drained_by() is DrainReason.SUSPENDED
    assert not machine.runs()
    assert await machine.ask() == Refusal(RefusalReason.SUSPENDED, retry_after=60.0)
    machine.catalog.define(service())
    assert await machine.ask() == Granted()


async def test_what_is_held_when_a_service_is_removed_is_refused(slow: Machine):
    await slow.start(service())
    client = slow.ask()
    await slow.settle()
    slow.catalog.end(HELLO)
    assert await client == Refusal(RefusalReason.REMOVED)
    assert await slow.ask() in (Refusal(RefusalReason.REMOVED), Refusal(RefusalReason.UNKNOWN))


async def test_nothing_of_a_removed_service_stays_in_memory(machine: Machine):
    await machine.start(service())
    await machine.woken()
    machine.catalog.end(HELLO)
    await machine.until(lambda: HELLO not in machine.activator.services)
    assert machine.edge.steering(HELLO) is None
    assert await machine.ask() == Refusal(RefusalReason.UNKNOWN)
    assert repr(machine.activator) == "Activator(local, 0 services, 0 held)"


async def test_a_name_that_comes_back_is_a_new_service(machine: Machine):
    await machine.start(service())
    await machine.woken()
    before = machine.status().uid
    machine.catalog.end(HELLO)
    await machine.until(lambda: HELLO not in machine.activator.services)
    machine.catalog.define(service())
    assert await machine.ask() == Granted()
    assert machine.status().uid != before


# Cost


async def test_ten_thousand_sleeping_services_cause_no_work(machine: Machine):
    await machine.start(*(service(Key("default", f"app-{n}")) for n in range(10_000)))
    await machine.until(lambda: len(machine.board.keys()) == 10_000)
    await machine.settle()
    with machine.counted() as work:
        await asyncio.sleep(24 * 3600)
    assert (work.writes, work.observations, work.looks, work.switches) == (0, 0, 0, 0)
    with machine.counted() as work:
        assert await machine.ask(Key("default", "app-77")) == Granted()
        await machine.settle()
    assert work.writes < 5
    assert work.observations < 20


async def test_the_idleness_of_many_services_is_read_from_one_list(machine: Machine):
    keys = [Key("default", f"app-{n}") for n in range(50)]
    await machine.start(*(service(key, sleep={"mode": "Never"}) for key in keys))
    for key in keys:
        await machine.woken(key)
    with machine.counted() as work:
        await asyncio.sleep(IDLE_TIMEOUT)
    assert work.looks < 3 * 20


async def test_a_fault_in_one_services_work_does_not_touch_others(machine: Machine):
    await machine.start(service(), service(SHOP))
    machine.workloads.broken[HELLO] = RuntimeError("the backend fell over")
    client = machine.ask()
    assert await machine.ask(SHOP) == Granted()
    assert not client.done()
    machine.workloads.broken.clear()
    assert await client == Granted()


async def test_a_gateway_shows_itself_in_words(machine: Machine):
    await machine.start(service(), service(SHOP))
    await machine.woken()
    assert repr(machine.activator) == "Activator(local, 2 services, 0 held)"
    assert repr(machine.service()) == "Service(default/hello, epoch=1, steering=127.0.0.1:20001, held=0, ready)"


# Awake, and nothing answers


async def found_on_a_wrong_port(machine: Machine) -> str:
    """Its backend calls it ready, and nothing answers a probe."""
    machine.catalog.define(service())
    instance = machine.workloads.adopt(HELLO, machine.catalog.current().entries[HELLO].uid)
    machine.workloads.answer(HELLO, instance, NOT_YET)
    await machine.start()
    assert machine.serving() is Serving.AWAKE
    return instance


async def test_who_waits_in_vain_for_an_awake_app_makes_it_not_ready_until_something_answers(machine: Machine):
    instance = await found_on_a_wrong_port(machine)
    client = machine.ask()
    await asyncio.sleep(IN_VAIN - 1)
    assert machine.condition("Ready").status == "True"
    await asyncio.sleep(2)
    ready = machine.condition("Ready")
    assert (ready.status, ready.reason) == ("False", "NoAnswer")
    assert "nothing answers at its port" in ready.message
    await machine.leave(client)
    await asyncio.sleep(20)
    assert machine.condition("Ready").status == "False"
    with machine.counted() as work:
        machine.workloads.answer(HELLO, instance)
        await asyncio.sleep(1)
    assert (machine.condition("Ready").reason, work.writes) == ("Served", 2)
    assert machine.edge.steering(HELLO) == "127.0.0.1:20001"


async def test_an_awake_app_that_answers_nobody_sleeps_when_nobody_asks(machine: Machine):
    await found_on_a_wrong_port(machine)
    client = machine.ask()
    await asyncio.sleep(IN_VAIN + 1)
    await machine.leave(client)
    await machine.asleep()
    assert machine.drained_by() is DrainReason.IDLE
    assert machine.condition("Ready").reason == "Served"
