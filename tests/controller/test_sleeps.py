import asyncio
from dataclasses import replace

import pytest

from tests.machine import DB, GATEWAY, HELLO, SHOP, Machine, in_fake_time, service
from wakedock_operator.activator.questions import Granted, Refusal
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import DrainReason, Report, ReportKind, Serving, Status
from wakedock_operator.ports.fakes.gateways import FakeGateways
from wakedock_operator.ports.journal import EventKind
from wakedock_operator.ports.workloads import VetoResult
from wakedock_operator.resource import Key

pytestmark = in_fake_time

OBJECTS = VetoResult(vetoed=True, detail="a job runs")


# What keeps awake


async def test_a_gateway_that_was_in_use_until_it_was_gone_keeps_nothing_awake(machine: Machine):
    """The other one has said before that it is idle, and says nothing more."""
    machine.gateways = gateways = FakeGateways(GATEWAY, "other")
    await machine.start(service())
    await machine.woken()
    status = machine.status()
    await machine.board.report(HELLO, status.uid, Report("other", ReportKind.BUSY, status.epoch))
    await asyncio.sleep(300)
    assert machine.condition("SleepBlocked").reason == "GatewayBusy"
    gateways.leave("other")
    await machine.until(Serving.ASLEEP, within=1)


async def test_min_awake_is_waited_for_and_told(machine: Machine):
    await machine.start(service(sleep={"minAwake": "10m"}))
    await machine.woken()
    began = machine.time
    await asyncio.sleep(300)
    assert machine.condition("SleepBlocked").reason == "MinAwake"
    await machine.until(Serving.ASLEEP, within=400)
    assert machine.time - began == pytest.approx(600, abs=2)


async def test_min_awake_does_not_keep_from_a_forced_sleep(machine: Machine):
    await machine.start(service(sleep={"minAwake": "10m"}))
    await machine.woken()
    await machine.catalog.ask(HELLO, sleep="1")
    await machine.until(Serving.ASLEEP, within=1)


async def test_min_awake_continues_over_a_restart(machine: Machine):
    await machine.start(service(sleep={"minAwake": "10m"}))
    await machine.woken()
    began = machine.time
    await asyncio.sleep(300)
    await machine.kill("controller")
    machine.start_controller()
    await machine.until(Serving.ASLEEP, within=400)
    assert machine.time - began == pytest.approx(600, abs=2)


async def test_what_never_sleeps_stays_awake_once_it_is(machine: Machine):
    await machine.start(service(sleep={"mode": "Never"}))
    assert machine.serving() is Serving.ASLEEP
    await machine.woken()
    await asyncio.sleep(2 * 3600)
    assert machine.serving() is Serving.AWAKE
    assert machine.condition("SleepBlocked").reason == "NeverSleeps"
    assert not machine.events(EventKind.SLEEP_BLOCKED), "that is as it is defined"


async def test_an_app_that_objects_is_asked_again_every_ten_seconds_and_no_more_often(machine: Machine):
    machine.workloads.vetoes[HELLO] = OBJECTS
    await machine.start(service(sleep={"veto": {"http": {"path": "/busy"}}}))
    await machine.woken()
    await asyncio.sleep(66 + 60)
    assert 5 <= len(machine.workloads.asked) <= 7
    condition = machine.condition("SleepBlocked")
    assert (condition.reason, condition.message) == ("AppVeto", "a job runs")
    with machine.counted() as work:
        await asyncio.sleep(300)
    assert work.writes == 0
    await machine.kill("controller")
    machine.start_controller()
    await asyncio.sleep(30)
    told = [(event.reason, event.message) for event in machine.events(EventKind.SLEEP_BLOCKED)]
    assert told == [("AppVeto", "a job runs")], "once, over a restart too"
    machine.workloads.vetoes.clear()
    await machine.until(Serving.ASLEEP, within=11)
    assert machine.workloads.did("stop") == 1


async def test_the_app_is_not_asked_before_everything_else_agrees(machine: Machine):
    await machine.start(service(sleep={"veto": {"http": {"path": "/busy"}}, "minAwake": "10m"}))
    await machine.woken()
    await asyncio.sleep(500)
    assert machine.workloads.asked == []


async def test_without_a_gateway_nothing_sleeps(machine: Machine):
    await machine.start(service())
    await machine.woken()
    await machine.kill("gateway")
    await asyncio.sleep(2 * 3600)
    assert machine.serving() is Serving.AWAKE
    assert machine.condition("SleepBlocked").reason == "GatewayBusy"


# A forced sleep


async def test_a_command_puts_to_sleep_once(machine: Machine):
    await machine.start(service())
    await machine.woken()
    await machine.catalog.ask(HELLO, sleep="1")
    await machine.asleep()
    assert (machine.drained_by(), machine.status().handled.sleep) == (DrainReason.REQUESTED, "1")
    assert machine.count("sleeps", reason="Requested") == 1
    assert [event.reason for event in machine.events(EventKind.SLEPT)] == [DrainReason.REQUESTED]
    await machine.woken()
    await asyncio.sleep(30)
    assert machine.serving() is Serving.AWAKE


async def test_a_command_to_sleep_is_met_by_what_sleeps_already(machine: Machine):
    await machine.start(service())
    await machine.catalog.ask(HELLO, sleep="1")
    await machine.settle()
    await machine.woken()
    await asyncio.sleep(30)
    assert machine.serving() is Serving.AWAKE


async def test_dependants_sleep_before_what_they_need_in_a_forced_sleep_too(machine: Machine):
    await machine.start(service(DB, hosts=[]), service(SHOP, dependsOn=["db"]), service(HELLO, dependsOn=["shop"]))
    await machine.woken()
    await machine.catalog.ask(DB, sleep="1")
    await machine.asleep(DB)
    assert [key.name for what, key in machine.workloads.calls if what == "stop"] == ["hello", "shop", "db"]
    assert [machine.drained_by(key) for key in (HELLO, SHOP)] == [DrainReason.DEPENDENCY_SLEEPS] * 2


async def test_while_a_dependant_is_drained_the_dependency_says_what_it_waits_for(machine: Machine):
    await machine.start(service(DB, hosts=[]), service(HELLO, dependsOn=["db"]))
    await machine.woken()
    machine.edge.busy(HELLO, 1)
    await machine.catalog.ask(DB, sleep="1")
    await asyncio.sleep(5)
    assert (machine.serving(), machine.serving(DB)) == (Serving.DRAINING, Serving.AWAKE)
    assert machine.condition("SleepBlocked", DB).reason == "DependantAwake"
    assert machine.condition("SleepBlocked").reason == "RequestsInFlight"
    machine.edge.busy(HELLO, 0)
    await machine.asleep(DB)


# The stop


async def until_drained(machine: Machine) -> str:
    """An idle app whose gateway has said `Drained`, and no controller; returns the instance."""
    await machine.start(service())
    instance = await machine.woken()
    await machine.until(Serving.DRAINING)
    await machine.kill("controller")
    await machine.until(lambda: machine.said() is ReportKind.DRAINED)
    return instance


async def test_the_intent_is_on_record_before_the_stop(machine: Machine):
    instance = await until_drained(machine)
    stops: list[tuple[int, Status]] = []
    machine.board.before_swap = lambda key, new: stops.append((machine.workloads.did("stop"), new))
    machine.start_controller()
    await machine.asleep()
    committed = [(stopped, new.stop) for stopped, new in stops if new.serving is Serving.ASLEEP]
    assert committed[0][0] == 0
    assert committed[0][1] is not None
    assert committed[0][1].instances == (instance,)
    assert machine.workloads.did("stop") == 1


@pytest.mark.parametrize("first", ["the sleep", "the rollout"])
async def test_a_sleep_that_was_asked_for_waits_for_a_rollout_that_begins_after_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, first: str
):
    observe, rolling = machine.workloads.observe, [first == "the rollout"]

    async def rolls(key: Key) -> Observation:
        return replace(await observe(key), rolling=rolling[0])

    monkeypatch.setattr(machine.workloads, "observe", rolls)
    await machine.start(service())
    await machine.woken()
    machine.edge.busy(HELLO, 1)
    await machine.catalog.ask(HELLO, sleep="1")
    await machine.until(Serving.DRAINING)
    rolling[0] = True
    machine.edge.busy(HELLO, 0)
    machine.controller.edge_changed()
    await asyncio.sleep(60)
    if first == "the sleep":
        assert (machine.serving(), machine.condition("SleepBlocked").reason) == (Serving.DRAINING, "RolloutInProgress")
        rolling[0] = False
        machine.controller.edge_changed()
    await machine.until(Serving.ASLEEP, within=5)


async def test_something_in_flight_at_the_last_look_keeps_from_the_stop(machine: Machine):
    await until_drained(machine)
    machine.edge.busy(HELLO, 1)
    machine.start_controller()
    await asyncio.sleep(60)
    assert machine.serving() is Serving.DRAINING
    assert machine.workloads.did("stop") == 0
    machine.edge.busy(HELLO, 0)
    await machine.asleep()
    assert machine.workloads.did("stop") == 1


async def test_without_an_answer_to_the_last_look_nothing_is_stopped(machine: Machine):
    await until_drained(machine)
    machine.edge.available = False
    machine.start_controller()
    await asyncio.sleep(60)
    assert machine.workloads.did("stop") == 0
    machine.edge.available = True
    await machine.asleep()


async def test_a_connection_older_than_max_connection_age_is_cut(machine: Machine):
    await machine.start(service(sleep={"maxConnectionAge": "5m"}))
    await machine.woken()
    machine.edge.busy(HELLO, 1)
    await machine.until(Serving.ASLEEP, within=500)
    await machine.settle()
    assert not machine.runs()


async def test_a_start_between_the_look_and_the_stop_makes_the_stop_fail(machine: Machine):
    await machine.start(service())
    instance = await machine.woken()
    moved = False

    def fence_once(key: Key, new: Status) -> None:
        nonlocal moved
        if new.serving is Serving.ASLEEP and not moved:
            moved = True
            machine.workloads._move(HELLO)

    machine.board.before_swap = fence_once
    await machine.asleep()
    assert moved
    assert (machine.workloads.did("stop"), instance) == (1, "hello-1")


async def test_a_request_after_the_intent_is_served_by_a_new_instance(machine: Machine):
    machine.workloads.prompt = False
    await machine.start(service())
    client = machine.ask()
    await machine.settle()
    machine.workloads.answer(HELLO, machine.workloads.appear(HELLO))
    assert await client == Granted()
    await machine.until(Serving.ASLEEP)
    await machine.settle()
    client = machine.ask()
    await asyncio.sleep(5)
    assert not client.done()
    machine.workloads.vanish(HELLO, "hello-1")
    await machine.settle()
    machine.workloads.answer(HELLO, machine.workloads.appear(HELLO))
    assert await client == Granted()
    assert machine.edge.steering(HELLO) == "127.0.0.1:20002"


async def test_a_conflict_makes_it_decide_anew(machine: Machine):
    await machine.start(service())
    await machine.woken()
    await machine.until(lambda: machine.said() is ReportKind.IDLE or machine.serving() is not Serving.AWAKE)
    await machine.asleep()
    interfered: list[Status] = []

    def interfere(key: Key, new: Status) -> None:
        if len(interfered) < 3:
            present = machine.status()
            interfered.append(present)
            machine.board._statuses[HELLO] = replace(present, version=present.version + 1)

    machine.board.before_swap = interfere
    assert await machine.ask() == Granted()
    await machine.until(Serving.AWAKE)
    assert len(interfered) == 3


# A crash between two steps

STEPS = ["Draining", "Asleep", "stop"]


@pytest.mark.parametrize("left_at", STEPS)
async def test_a_controller_that_dies_between_two_steps_is_replaced_by_one_that_finishes(machine: Machine, left_at: str):
    await machine.start(service())
    await machine.woken()
    dead = asyncio.Event()
    machine_stop = machine.workloads.stop

    async def die(*_: object) -> None:
        dead.set()
        await asyncio.get_running_loop().create_future()

    async def swap_then_die(key: Key, old: Status | None, new: Status) -> Status:
        written = await type(machine.board).swap(machine.board, key, old, new)
        if new.serving == left_at and old is not None and old.serving != left_at:
            await die()
        return written

    if left_at == "stop":
        machine.workloads.stop = die  # type: ignore[method-assign, assignment]
    else:
        machine.board.swap = swap_then_die  # type: ignore[method-assign]
    async with asyncio.timeout(100):
        await dead.wait()
    await machine.kill("controller")
    machine.workloads.stop = machine_stop  # type: ignore[method-assign]
    machine.board.__dict__.pop("swap", None)
    await asyncio.sleep(5)
    machine.start_controller()
    await machine.until(lambda: not machine.runs())
    assert machine.serving() is Serving.ASLEEP
    assert machine.workloads.did("stop") == 1
    assert await machine.ask() == Granted()


async def test_what_runs_although_it_sleeps_is_stopped_after_a_last_look(machine: Machine):
    machine.catalog.define(service())
    await machine.workloads.ensure(service(), "uid-1")
    await machine.start()
    await machine.workloads.start(HELLO)
    machine.edge.busy(HELLO, 1)
    await asyncio.sleep(30)
    assert machine.workloads.did("stop") == 0
    machine.edge.busy(HELLO, 0)
    await machine.until(lambda: machine.workloads.did("stop") == 1)
    assert machine.status().stop is not None


# Shutdown


async def test_what_is_to_sleep_on_exit_sleeps_and_what_is_to_be_kept_runs_on(machine: Machine):
    await machine.start(service(sleep={"onExit": "Sleep"}), service(SHOP))
    await machine.woken()
    await machine.woken(SHOP)
    await machine.controller.sleep_for_shutdown()
    assert (machine.runs(), machine.runs(SHOP)) == (False, True)
    assert machine.drained_by() is DrainReason.SHUTDOWN


async def test_a_shutdown_waits_for_an_app_that_takes_long_to_end(machine: Machine):
    await machine.start(service(sleep={"onExit": "Sleep"}))
    await machine.woken()
    machine.workloads.prompt = False
    ending = asyncio.create_task(machine.controller.sleep_for_shutdown())
    await asyncio.sleep(30)
    assert not ending.done()
    machine.workloads.vanish(HELLO, machine.instance())
    async with asyncio.timeout(1):
        await ending


async def test_a_shutdown_with_nothing_awake_is_over_at_once(machine: Machine):
    await machine.start(service(sleep={"onExit": "Sleep"}))
    async with asyncio.timeout(1):
        await machine.controller.sleep_for_shutdown()


async def test_a_shutdown_ends_a_start_that_is_under_way(machine: Machine):
    machine.workloads.prompt = False
    await machine.start(service(sleep={"onExit": "Sleep"}))
    client = machine.ask()
    await machine.settle()
    machine.workloads.appear(HELLO)
    machine.workloads.prompt = True
    await machine.leave(client)
    async with asyncio.timeout(30):
        await machine.controller.sleep_for_shutdown()
    assert not machine.runs()


async def test_what_is_held_by_a_forced_sleep_wakes_it_afterwards(machine: Machine):
    await machine.start(service())
    await machine.woken()
    await machine.catalog.ask(HELLO, sleep="1")
    answer: Granted | Refusal = await machine.ask()
    assert answer == Granted()
    assert (machine.workloads.did("stop"), machine.workloads.did("start")) == (1, 2)
