import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.machine import DB, HELLO, SHOP, Machine, broken, in_fake_time, service
from wakedock_operator.activator.questions import Granted
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import DrainReason, Serving, WakeReason
from wakedock_operator.ports.fakes.clock import MONDAY_NOON
from wakedock_operator.ports.journal import EventKind
from wakedock_operator.resource import Key

pytestmark = in_fake_time

HOUR = timedelta(hours=1)
AFTERNOON = {"from": "15:00", "to": "18:00", "state": "Awake"}
SIESTA = {"from": "13:00", "to": "14:00", "state": "Asleep"}


async def test_a_command_wakes_without_any_request(machine: Machine):
    await machine.start(service())
    await machine.catalog.ask(HELLO, wake="1")
    await machine.until(Serving.AWAKE)
    await machine.settle()
    assert (machine.status().woken_by, machine.status().handled.wake) == (WakeReason.COMMAND, "1")
    assert machine.edge.steering(HELLO) == "127.0.0.1:20001"
    assert [event.reason for event in machine.events(EventKind.WOKE)] == [WakeReason.COMMAND]
    assert machine.count("wakes", outcome="awake", cause="Command") == 1


async def test_a_definition_that_is_read_while_its_service_is_looked_at_is_made_before_it_is_started(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
):
    """Its status, or what runs of it, may be heard of first."""
    observe, start, defined, started_made = machine.workloads.observe, machine.workloads.start, False, []

    async def observe_late(key: Key) -> Observation:
        nonlocal defined
        if key == SHOP and not defined:
            defined = True
            machine.catalog.define(service(SHOP))
            await machine.catalog.ask(SHOP, wake="1")
            await machine.settle()
        return await observe(key)

    async def start_seen(key: Key) -> None:
        started_made.append(key in machine.workloads.made)
        await start(key)

    monkeypatch.setattr(machine.workloads, "observe", observe_late)
    monkeypatch.setattr(machine.workloads, "start", start_seen)
    await machine.start(service())
    machine.workloads._changes.announce(SHOP)
    await machine.until(lambda: bool(started_made), within=1)
    await machine.until(Serving.AWAKE, SHOP, within=1)
    assert started_made == [True]


async def test_at_the_end_of_an_awake_window_an_asleep_one_that_began_with_it_puts_to_sleep(machine: Machine):
    await machine.start(service(idleTimeout="24h", schedule=[{**OPEN, "to": "23:00", "state": "Asleep"}, OPEN]))
    await machine.until(Serving.AWAKE)
    await machine.until(Serving.ASLEEP, within=7 * 3600)
    assert (machine.drained_by(), machine.now.hour) == (DrainReason.SCHEDULED, 18)


async def test_a_command_acts_once(machine: Machine):
    await machine.start(service())
    await machine.catalog.ask(HELLO, wake="1")
    await machine.until(Serving.AWAKE)
    await machine.asleep()
    await asyncio.sleep(3600)
    assert machine.workloads.did("start") == 1
    await machine.catalog.ask(HELLO, wake="2")
    await machine.until(Serving.AWAKE)


async def test_a_command_to_an_awake_service_is_met_and_wakes_nothing_later(machine: Machine):
    await machine.start(service())
    await machine.woken()
    await machine.catalog.ask(HELLO, wake="1")
    await machine.asleep()
    await asyncio.sleep(3600)
    assert machine.workloads.did("start") == 1


async def test_the_controller_probes_what_it_starts_and_does_not_call_it_awake_before_it_answers(machine: Machine):
    machine.workloads.prompt = False
    await machine.start(service())
    await machine.catalog.ask(HELLO, wake="1")
    await machine.settle()
    instance = machine.workloads.appear(HELLO)
    await asyncio.sleep(5)
    assert machine.serving() is Serving.ASLEEP
    assert 40 <= len(machine.workloads.probed) <= 60
    machine.workloads.answer(HELLO, instance)
    await machine.until(Serving.AWAKE)


async def test_a_pin_wakes_and_keeps_awake_until_its_time(machine: Machine):
    await machine.start(service())
    await machine.catalog.ask(HELLO, keep_awake_until=MONDAY_NOON + HOUR)
    await machine.until(Serving.AWAKE)
    assert machine.status().woken_by is WakeReason.PIN
    await machine.settle()
    with machine.counted() as work:
        await asyncio.sleep(3600 - 120)
    assert machine.serving() is Serving.AWAKE
    assert machine.condition("SleepBlocked").reason == "Pinned"
    assert work.writes <= 1
    await machine.until(Serving.ASLEEP, within=200)
    assert timedelta(0) <= machine.now - (MONDAY_NOON + HOUR) < timedelta(seconds=2)


@pytest.mark.parametrize(
    "wish, reason",
    [
        pytest.param({"keep_awake_until": MONDAY_NOON + HOUR}, WakeReason.PIN, id="a pin"),
        pytest.param({"wake": "1"}, WakeReason.COMMAND, id="a command"),
    ],
)
async def test_what_is_newer_than_a_sleep_that_waits_takes_it_back(machine: Machine, wish: dict[str, Any], reason: WakeReason):
    """The app goes on as it runs, with what it has in flight, and that counts for nothing in how long its starts take."""
    await machine.start(service())
    await machine.woken()
    typical = await machine.journal.typical_wake(HELLO)
    machine.edge.busy(HELLO, 1)
    await machine.catalog.ask(HELLO, sleep="now")
    await machine.until(Serving.DRAINING)
    client = machine.ask()
    await asyncio.sleep(3)
    await machine.catalog.ask(HELLO, **wish)
    await machine.until(Serving.AWAKE)
    assert await client == Granted()
    assert machine.status().woken_by is reason
    assert (machine.workloads.did("stop"), machine.workloads.did("start")) == (0, 1)
    assert machine.events(EventKind.WOKE)[-1].phases == {}
    assert await machine.journal.typical_wake(HELLO) == typical
    machine.edge.busy(HELLO, 0)
    await asyncio.sleep(10)
    assert machine.serving() is Serving.AWAKE


async def test_a_pin_that_is_taken_back_keeps_nothing_awake(machine: Machine):
    await machine.start(service())
    await machine.catalog.ask(HELLO, keep_awake_until=MONDAY_NOON + HOUR)
    await machine.until(Serving.AWAKE)
    await asyncio.sleep(600)
    await machine.catalog.ask(HELLO, unpin=True)
    await machine.until(Serving.ASLEEP, within=1)


async def test_a_command_to_sleep_that_takes_the_pin_away_is_obeyed_and_so_is_a_command_to_wake_after_that(machine: Machine):
    await machine.start(service())
    await machine.catalog.ask(HELLO, keep_awake_until=MONDAY_NOON + HOUR)
    await machine.until(Serving.AWAKE)
    await machine.catalog.ask(HELLO, sleep="1", unpin=True)
    await machine.asleep()
    assert machine.drained_by() is DrainReason.REQUESTED
    await machine.catalog.ask(HELLO, wake="2")
    await machine.until(Serving.AWAKE)


async def test_the_edges_of_a_window_wake_and_let_sleep(machine: Machine):
    await machine.start(service(schedule=[AFTERNOON]))
    await machine.until(Serving.AWAKE, within=7 * 3600)
    assert timedelta(0) <= machine.now - (MONDAY_NOON + 3 * HOUR) < timedelta(seconds=2)
    assert machine.status().woken_by is WakeReason.SCHEDULE
    await asyncio.sleep(2 * 3600)
    assert machine.condition("SleepBlocked").reason == "ScheduledAwake"
    await machine.until(Serving.ASLEEP, within=2 * 3600)
    assert timedelta(0) <= machine.now - (MONDAY_NOON + 6 * HOUR) < timedelta(seconds=2)


async def test_the_edge_of_an_asleep_window_is_a_forced_sleep_and_a_request_still_wakes(machine: Machine):
    await machine.start(service(schedule=[SIESTA], idleTimeout="30m"))
    await machine.woken()
    for _ in range(7):
        await asyncio.sleep(500)
        machine.request()
    await machine.until(Serving.ASLEEP, within=300)
    assert timedelta(0) <= machine.now - (MONDAY_NOON + HOUR) < timedelta(seconds=2)
    assert machine.drained_by() is DrainReason.SCHEDULED
    await machine.woken()
    await asyncio.sleep(1200)
    assert machine.serving() is Serving.AWAKE


async def test_the_edge_of_an_asleep_window_that_finds_it_asleep_does_nothing(machine: Machine):
    await machine.start(service(schedule=[SIESTA]))
    await asyncio.sleep(3600 + 10)
    await machine.woken()
    await asyncio.sleep(30)
    assert machine.serving() is Serving.AWAKE


async def test_a_window_that_is_open_at_the_start_wakes(machine: Machine):
    await machine.start(service(schedule=[{**AFTERNOON, "from": "11:00"}]))
    await machine.until(Serving.AWAKE)
    assert machine.status().woken_by is WakeReason.SCHEDULE


async def test_a_changed_app_takes_effect_by_a_forced_sleep_and_a_wake(machine: Machine):
    await machine.start(service())
    instance = await machine.woken()
    machine.catalog.define(service(app={"command": ["y"]}))
    await machine.until(lambda: machine.status().woken_by is WakeReason.DEFINITION_CHANGED)
    await machine.settle()
    assert machine.instance() != instance
    assert (machine.workloads.did("stop"), machine.workloads.did("start")) == (1, 2)
    assert machine.edge.steering(HELLO) == "127.0.0.1:20002"
    assert machine.count("sleeps", reason="DefinitionChanged") == 1


async def test_a_changed_app_that_sleeps_is_not_woken(machine: Machine):
    await machine.start(service())
    machine.catalog.define(service(app={"command": ["y"]}))
    await asyncio.sleep(60)
    assert machine.workloads.calls == []


async def test_a_change_of_anything_else_leaves_the_app_as_it_is(machine: Machine):
    await machine.start(service())
    instance = await machine.woken()
    machine.catalog.define(service(hosts=["other.localhost"]))
    await asyncio.sleep(10)
    assert machine.instance() == instance
    assert machine.serving() is Serving.AWAKE


async def test_a_wake_by_command_starts_the_chain_in_order(machine: Machine):
    await machine.start(service(DB, hosts=[]), service(SHOP, dependsOn=["db"]), service(HELLO, dependsOn=["shop"]))
    await machine.catalog.ask(HELLO, wake="1")
    await machine.until(Serving.AWAKE)
    assert [key.name for what, key in machine.workloads.calls if what == "start"] == ["db", "shop", "hello"]
    assert (machine.status(DB).woken_by, machine.status(SHOP).woken_by) == (WakeReason.DEPENDANT, WakeReason.DEPENDANT)


async def test_a_wake_by_command_that_fails_is_given_up_with_its_cause_and_not_tried_again(machine: Machine):
    await machine.start(service())
    machine.workloads.refused_starts[HELLO] = broken()
    await machine.catalog.ask(HELLO, wake="1")
    await machine.until(lambda: machine.count("wakes", outcome="failed", cause="Exited") == 1)
    await asyncio.sleep(3600)
    assert machine.workloads.did("start") == 1
    assert machine.drained_by() is DrainReason.START_FAILED
    assert machine.condition("Ready").reason == "StartFailed"


async def test_a_pin_tries_again_after_each_back_off(machine: Machine):
    await machine.start(service())
    machine.workloads.refused_starts[HELLO] = broken()
    await machine.catalog.ask(HELLO, keep_awake_until=MONDAY_NOON + HOUR)
    await asyncio.sleep(2 + 4 + 8)
    assert 3 <= machine.workloads.did("start") <= 5
    machine.workloads.refused_starts.clear()
    await machine.until(Serving.AWAKE)
    assert machine.status().failures == 0


async def test_an_app_that_is_suspended_is_woken_by_nothing(machine: Machine):
    await machine.start(service(suspend=True, schedule=[{**AFTERNOON, "from": "11:00"}]))
    await machine.catalog.ask(HELLO, wake="1", keep_awake_until=MONDAY_NOON + HOUR)
    await asyncio.sleep(600)
    assert machine.workloads.calls == []


@pytest.mark.parametrize("half", ["gateway", "controller"])
async def test_a_wake_by_command_survives_a_restart_of_either_half(machine: Machine, half: str):
    machine.workloads.prompt = False
    await machine.start(service())
    await machine.catalog.ask(HELLO, wake="1")
    await machine.settle()
    await machine.kill(half)
    machine.workloads.answer(HELLO, machine.workloads.appear(HELLO))
    await machine.settle()
    machine.start_gateway() if half == "gateway" else machine.start_controller()
    await machine.until(Serving.AWAKE)
    assert (machine.workloads.did("start"), machine.workloads.did("stop")) == (1, 0)


# Schedules, pins and commands beside dependencies


async def test_a_window_wakes_what_its_service_depends_on_too(machine: Machine):
    await machine.start(service(DB, hosts=[]), service(SHOP, hosts=[], dependsOn=["db"]), service(dependsOn=["shop"], schedule=[AFTERNOON]))
    await asyncio.sleep(3 * 3600 + 1)
    assert {machine.serving(key) for key in (DB, SHOP, HELLO)} == {Serving.AWAKE}
    assert [key.name for what, key in machine.workloads.calls if what == "start"] == ["db", "shop", "hello"]


OPEN = {**AFTERNOON, "from": "11:00"}


async def test_a_window_goes_on_after_a_suspension(machine: Machine):
    await machine.start(service(schedule=[OPEN]))
    await machine.until(Serving.AWAKE)
    machine.catalog.define(service(schedule=[OPEN], suspend=True))
    await machine.asleep()
    machine.catalog.define(service(schedule=[OPEN]))
    await machine.until(Serving.AWAKE, within=1)
    assert machine.status().woken_by is WakeReason.SCHEDULE


async def test_a_start_that_failed_in_a_window_is_tried_again_after_each_back_off(machine: Machine):
    machine.workloads.refused_starts[HELLO] = broken()
    await machine.start(service(schedule=[OPEN]))
    await asyncio.sleep(10)
    assert machine.workloads.did("start") in {3, 4}
    machine.workloads.refused_starts.clear()
    await machine.until(Serving.AWAKE, within=10)


async def test_a_person_may_end_a_window(machine: Machine):
    await machine.start(service(schedule=[OPEN]))
    await machine.until(Serving.AWAKE)
    await machine.catalog.ask(HELLO, sleep="1")
    await machine.asleep()
    await asyncio.sleep(600)
    assert machine.serving() is Serving.ASLEEP


async def test_so_may_a_person_who_puts_to_sleep_what_it_depends_on(machine: Machine):
    await machine.start(service(DB, hosts=[]), service(dependsOn=["db"], schedule=[OPEN]))
    await machine.until(Serving.AWAKE)
    await machine.catalog.ask(DB, sleep="1")
    await machine.asleep(DB)
    await asyncio.sleep(600)
    assert (machine.serving(), machine.serving(DB)) == (Serving.ASLEEP, Serving.ASLEEP)
    await machine.catalog.ask(DB, wake="1")
    await machine.until(Serving.AWAKE, within=1)


async def test_what_is_awake_comes_back_after_a_change_of_what_it_depends_on(machine: Machine):
    await machine.start(service(DB, hosts=[]), service(dependsOn=["db"], sleep={"mode": "Never"}))
    await machine.woken()
    machine.catalog.define(service(DB, hosts=[], app={"command": ["y"]}))
    await asyncio.sleep(2)
    assert (machine.serving(), machine.serving(DB)) == (Serving.AWAKE, Serving.AWAKE)
    assert [key.name for what, key in machine.workloads.calls if what == "stop"] == ["hello", "db"]


async def test_an_asleep_window_waits_for_a_pin(machine: Machine):
    await machine.start(service(schedule=[SIESTA]))
    await machine.catalog.ask(HELLO, keep_awake_until=machine.now + timedelta(minutes=90))
    await machine.until(Serving.AWAKE)
    await asyncio.sleep(80 * 60)
    assert (machine.serving(), machine.workloads.did("stop")) == (Serving.AWAKE, 0)
    await machine.until(Serving.ASLEEP, within=1000)
    assert machine.drained_by() is DrainReason.SCHEDULED


@pytest.mark.parametrize("kept", ["pin", "schedule"])
async def test_and_for_what_a_dependant_is_kept_awake_for(machine: Machine, kept: str):
    until = {"from": "11:00", "to": "13:30", "state": "Awake"}
    await machine.start(service(DB, hosts=[], schedule=[SIESTA]), service(dependsOn=["db"], schedule=[until] if kept == "schedule" else []))
    if kept == "pin":
        await machine.catalog.ask(HELLO, keep_awake_until=machine.now + timedelta(minutes=90))
    await machine.until(Serving.AWAKE)
    await asyncio.sleep(85 * 60)
    assert (machine.serving(), machine.serving(DB), machine.workloads.did("stop")) == (Serving.AWAKE, Serving.AWAKE, 0)
    await machine.until(Serving.ASLEEP, DB, within=1000)


async def test_a_dependency_stays_up_while_its_dependant_is_started_without_a_request(machine: Machine):
    machine.workloads.prompt = False
    await machine.start(service(DB, hosts=[], idleTimeout="1s"), service(dependsOn=["db"]))
    await machine.catalog.ask(HELLO, wake="1")
    await machine.settle()
    machine.workloads.answer(DB, machine.workloads.appear(DB))
    await asyncio.sleep(1)
    instance = machine.workloads.appear(HELLO)
    await asyncio.sleep(30)
    assert (machine.serving(DB), machine.workloads.did("start", DB)) == (Serving.AWAKE, 1)
    machine.workloads.answer(HELLO, instance)
    await machine.until(Serving.AWAKE)


async def test_what_depends_on_something_that_crashed_while_awake_is_started_after_it(machine: Machine):
    await machine.start(service(DB), service(dependsOn=["db"]))
    machine.workloads.crash(DB, await machine.woken(DB))
    await machine.settle()
    machine.workloads.prompt = False
    await machine.catalog.ask(HELLO, wake="1")
    await asyncio.sleep(1)
    assert [key.name for what, key in machine.workloads.calls if what == "start"] == ["db", "db"]
    machine.workloads.prompt = True
    machine.workloads.answer(DB, machine.workloads.appear(DB))
    await machine.until(Serving.AWAKE)


@pytest.mark.parametrize("how", ["defined anew", "named later"])
async def test_a_dependency_that_sleeps_under_an_awake_dependant_is_woken(machine: Machine, how: str):
    await machine.start(*([service(DB, hosts=[])] if how == "named later" else []), service())
    await machine.woken()
    machine.catalog.define(service(DB, hosts=[]), service(dependsOn=["db"]))
    await machine.settle()
    await machine.until(Serving.AWAKE, DB, within=1)
    assert machine.status(DB).woken_by is WakeReason.DEPENDANT
    assert machine.workloads.did("stop") == 0


async def test_a_mended_definition_ends_the_back_off_of_everybody_who_failed_with_it(machine: Machine):
    await machine.start(service(DB, hosts=[]), service(dependsOn=["db"]))
    machine.workloads.refused_starts[DB] = broken()
    for _ in range(6):
        assert await machine.ask() != Granted()
        await asyncio.sleep(8)
    assert await machine.ask() != Granted()
    await asyncio.sleep(1)
    machine.workloads.refused_starts.clear()
    machine.catalog.define(service(DB, hosts=[], app={"command": ["y"]}))
    await machine.settle()
    assert machine.condition("Ready", DB).status == "True"
    began = machine.time
    assert await machine.ask() == Granted()
    assert machine.time - began < 1


@pytest.mark.parametrize("between", [False, True], ids=["on which it depends", "on which it depends through another"])
async def test_so_does_the_end_of_a_suspension(machine: Machine, between: bool):
    needed = ["shop"] if between else ["db"]
    await machine.start(service(DB, hosts=[], suspend=True), service(SHOP, hosts=[], dependsOn=["db"]), service(dependsOn=needed))
    assert machine.condition("Ready").reason == "DependencyFailed"
    assert await machine.ask() != Granted()
    assert machine.condition("Ready").message == "default/db, on which it depends, is suspended"
    machine.catalog.define(service(DB, hosts=[]))
    await machine.settle()
    assert machine.condition("Ready").status == "True"
    assert await machine.ask() == Granted()


@pytest.mark.parametrize("wanted", ["pin", "schedule"])
@pytest.mark.parametrize("why", ["suspended", "failing"])
async def test_a_wake_that_waits_in_vain_for_a_dependency_is_tried_ever_more_seldom(machine: Machine, wanted: str, why: str):
    if why == "failing":
        machine.workloads.refused_starts[DB] = broken()
    await machine.start(
        service(DB, hosts=[], suspend=why == "suspended"), service(dependsOn=["db"], schedule=[OPEN] if wanted == "schedule" else [])
    )
    if wanted == "pin":
        await machine.catalog.ask(HELLO, keep_awake_until=machine.now + HOUR)
    await asyncio.sleep(300)
    assert machine.status().failures in range(5, 12)
    assert len(machine.board.writes) < 150
    machine.workloads.refused_starts.clear()
    machine.catalog.define(service(DB, hosts=[], app={"command": ["y"]}))
    await machine.until(Serving.AWAKE, within=1)


@pytest.mark.parametrize("how", ["suspended", "failing"])
async def test_nothing_is_started_again_and_again_for_what_cannot_be_woken(machine: Machine, how: str):
    if how == "failing":
        machine.workloads.refused_starts[SHOP] = broken()
    await machine.start(
        service(DB, hosts=[], idleTimeout="5s"),
        service(SHOP, dependsOn=["db"], suspend=how == "suspended"),
        service(dependsOn=["shop"], schedule=[OPEN]),
    )
    await asyncio.sleep(600)
    before = machine.workloads.did("start", DB)
    await asyncio.sleep(600)
    assert machine.workloads.did("start", DB) - before < (3 if how == "suspended" else 25)


@pytest.mark.parametrize("by", ["schedule", "pin"])
async def test_a_dependency_is_not_kept_for_a_wish_that_has_ended(machine: Machine, by: str):
    machine.workloads.refused_starts[HELLO] = broken()
    window = {**OPEN, "to": "12:30"}
    await machine.start(service(DB, hosts=[]), service(dependsOn=["db"], schedule=[window] if by == "schedule" else []))
    if by == "pin":
        await machine.catalog.ask(HELLO, keep_awake_until=machine.now + timedelta(minutes=30))
    await asyncio.sleep(20 * 60)
    assert machine.serving(DB) is Serving.AWAKE
    await asyncio.sleep(3600)
    assert machine.serving(DB) is Serving.ASLEEP


@pytest.mark.parametrize("by", ["schedule", "pin", "request"])
async def test_what_waits_for_something_whose_definition_is_removed_waits_no_more(machine: Machine, by: str):
    machine.workloads.prompt = False
    await machine.start(service(DB, hosts=[]), service(dependsOn=["db"], schedule=[OPEN] if by == "schedule" else []))
    if by == "pin":
        await machine.catalog.ask(HELLO, keep_awake_until=machine.now + HOUR)
    client = machine.ask() if by == "request" else None
    await asyncio.sleep(1)
    machine.workloads.appear(DB)
    await asyncio.sleep(10)
    machine.workloads.prompt = True
    machine.catalog.end(DB)
    await machine.until(Serving.AWAKE, within=5)
    assert client is None or await client == Granted()


@pytest.mark.parametrize("by", ["schedule", "pin"])
async def test_what_is_kept_awake_comes_back_after_a_crash_ever_more_seldom(machine: Machine, by: str):
    await machine.start(service(hosts=[], schedule=[OPEN] if by == "schedule" else []))
    if by == "pin":
        await machine.catalog.ask(HELLO, keep_awake_until=machine.now + HOUR)
    await machine.until(Serving.AWAKE)
    for _ in range(60):
        if machine.runs():
            machine.workloads.crash(HELLO, machine.instance())
        await asyncio.sleep(1)
    assert machine.workloads.did("start") in range(5, 10)
    await asyncio.sleep(120)
    assert machine.runs()
