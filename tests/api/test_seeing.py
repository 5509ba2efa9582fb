"""Each service in one word, in one sentence, and what comes next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.world import ASKER, FAILURE, HELLO, NOW, World, blocked, busy, failed
from wakedock_operator.api.seeing import see, see_closely
from wakedock_operator.api.views import ServiceView, State
from wakedock_operator.core.conditions import AGAIN, ConditionType, ReadyReason
from wakedock_operator.core.status import Condition, Drain, DrainReason, Handled, Report, ReportKind, Serving, WakeReason
from wakedock_operator.ports.catalog import Wishes
from wakedock_operator.ports.journal import Event, EventKind
from wakedock_operator.resource import Key

IDLE = Drain(DrainReason.IDLE, forced=False)


async def seen(world: World) -> ServiceView:
    view = see(world.ports(), HELLO)
    assert view is not None
    return view


STATES: dict[str, tuple[dict[str, Any], State, str, str]] = {
    # sentence: status, state, reason, explanation
    "woken by a request": (
        {"woken_by": WakeReason.REQUEST, "asker": ASKER},
        State.AWAKE,
        "Request",
        "a request woke it: GET hello.localhost/a from 10.0.0.7 (curl/8)",
    ),
    "woken by a request that nobody remembers": ({"woken_by": WakeReason.REQUEST}, State.AWAKE, "Request", "a request woke it"),
    "woken by command": ({"woken_by": WakeReason.COMMAND}, State.AWAKE, "Command", "by command"),
    "adopted": ({}, State.AWAKE, "Adopted", "when WakeDock first saw it"),
    "asleep since nobody came": ({"serving": Serving.ASLEEP, "drain": IDLE}, State.ASLEEP, "Idle", "no request came for 5m"),
    "never woken": ({"serving": Serving.ASLEEP}, State.ASLEEP, "NeverWoken", "nobody has asked"),
    "asleep by command": (
        {"serving": Serving.ASLEEP, "drain": Drain(DrainReason.REQUESTED, forced=True)},
        State.ASLEEP,
        "Requested",
        "by command",
    ),
    "draining": ({"serving": Serving.DRAINING, "drain": IDLE}, State.DRAINING, "Idle", "no request came"),
    "waking for a request": (
        {"serving": Serving.ASLEEP, "drain": IDLE, "gateways": (busy(),)},
        State.WAKING,
        "Request",
        "GET hello.localhost/a",
    ),
    "waking for a dependant": (
        {"serving": Serving.ASLEEP, "drain": IDLE, "gateways": (replace(busy(), asker=None),)},
        State.WAKING,
        "Request",
        "dependant",
    ),
    "a report about an older epoch wakes nothing": (
        {"serving": Serving.ASLEEP, "drain": IDLE, "gateways": (busy(epoch=0),)},
        State.ASLEEP,
        "Idle",
        "no request",
    ),
    "an idle gateway wakes nothing": (
        {"serving": Serving.ASLEEP, "drain": IDLE, "gateways": (Report("gateway-0", ReportKind.DRAINED, 1),)},
        State.ASLEEP,
        "Idle",
        "no request",
    ),
    "a start that is being given up": ({"serving": Serving.DRAINING, "drain": failed()}, State.FAILED, "Exited", FAILURE.message),
    "a start that failed": ({"serving": Serving.ASLEEP, "drain": failed()}, State.FAILED, "Exited", FAILURE.message),
    "another try after a failure": (
        {"serving": Serving.ASLEEP, "drain": failed(), "gateways": (busy(),)},
        State.WAKING,
        "Request",
        "a request asked",
    ),
}


@pytest.mark.parametrize("sentence", STATES)
async def test_state_and_explanation(world: World, sentence: str):
    status, state, reason, explanation = STATES[sentence]
    await world.show(**status)
    view = await seen(world)
    assert (view.state, view.reason) == (state, reason)
    assert explanation in view.explanation


@pytest.mark.parametrize("reason", DrainReason)
@pytest.mark.parametrize("serving", [Serving.DRAINING, Serving.ASLEEP])
async def test_every_reason_to_sleep_has_a_sentence(world: World, reason: DrainReason, serving: Serving):
    await world.show(serving=serving, drain=Drain(reason, forced=True))
    view = await seen(world)
    assert view.reason == reason
    assert len(view.explanation) > 10


@pytest.mark.parametrize("reason", WakeReason)
async def test_every_reason_to_wake_has_a_sentence(world: World, reason: WakeReason):
    await world.show(woken_by=reason)
    assert len((await seen(world)).explanation) > 10


async def test_what_crashed_while_awake_says_so_first(world: World):
    crashed = Condition(ConditionType.READY, "True", ReadyReason.CRASHED, f"the process ended with exit code 3{AGAIN}")
    await world.show(woken_by=WakeReason.REQUEST, conditions=(crashed,))
    view = await seen(world)
    assert (view.state, view.reason) == (State.AWAKE, "Crashed")
    assert view.explanation == "nothing of it runs; the next request starts it again: the process ended with exit code 3"


async def test_a_service_that_was_just_added_sleeps(world: World):
    view = await seen(world)
    assert (view.state, view.since, view.reason) == (State.ASLEEP, None, "NotSeen")


async def test_a_suspended_service_is_suspended_once_it_sleeps(world: World):
    world.catalog.define("hello", suspend=True)
    await world.show(serving=Serving.DRAINING, drain=Drain(DrainReason.SUSPENDED, forced=True))
    assert (await seen(world)).state is State.DRAINING
    await world.show(serving=Serving.ASLEEP, drain=Drain(DrainReason.SUSPENDED, forced=True))
    assert (await seen(world)).state is State.SUSPENDED


async def test_a_service_whose_definition_is_gone_is_removed_until_it_has_ended(world: World):
    status = await world.show()
    del world.catalog.entries[HELLO]
    assert (await seen(world)).state is State.REMOVED
    detail = await see_closely(world.ports(), HELLO)
    assert detail is not None
    assert detail.source == ""
    await world.board.remove(HELLO, status.uid)
    assert see(world.ports(), HELLO) is None
    assert await see_closely(world.ports(), HELLO) is None


@pytest.mark.parametrize(
    "wishes, handled, state",
    [
        (Wishes(wake="t1"), Handled(), State.WAKING),
        (Wishes(wake="t1"), Handled(wake="t1"), State.ASLEEP),
        (Wishes(keep_awake_until=NOW + timedelta(hours=1)), Handled(), State.WAKING),
        (Wishes(keep_awake_until=NOW - timedelta(hours=1)), Handled(), State.ASLEEP),
    ],
    ids=["a new wish to wake", "one that was met", "a pin", "a pin whose time has passed"],
)
async def test_what_a_person_wants_shows_at_once(world: World, wishes: Wishes, handled: Handled, state: State):
    world.catalog.entries[HELLO] = replace(world.catalog.entries[HELLO], wishes=wishes)
    await world.show(serving=Serving.ASLEEP, drain=IDLE, handled=handled)
    assert (await seen(world)).state is state


async def test_what_blocks_sleep_is_told_only_while_it_does(world: World):
    conditions = (blocked("RequestsInFlight", "one WebSocket is open"),)
    await world.show(serving=Serving.DRAINING, drain=Drain(DrainReason.REQUESTED, forced=True), conditions=conditions)
    view = await seen(world)
    assert view.blocked is not None
    assert (view.blocked.reason, view.blocked.message) == ("RequestsInFlight", "one WebSocket is open")
    assert view.conditions[0].type == "SleepBlocked"
    await world.show(serving=Serving.ASLEEP, drain=IDLE, conditions=conditions)
    assert (await seen(world)).blocked is None


OFFICE = [{"days": ["Mon", "Tue"], "from": "08:00", "to": "18:00", "timeZone": "UTC", "state": "Awake"}]
NIGHT = [{"from": "22:00", "to": "06:00", "timeZone": "UTC", "state": "Asleep"}]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


NEXT: dict[str, tuple[dict[str, Any], Serving, datetime | None, datetime, tuple[datetime, str] | None]] = {
    # sentence: spec, serving, idle since, now, expected
    "asleep without a schedule: nothing is known": ({}, Serving.ASLEEP, None, NOW, None),
    "awake and in use: nothing is known": ({}, Serving.AWAKE, None, NOW, None),
    "awake and idle: the idle time-out": ({}, Serving.AWAKE, at(2, 11, 58), NOW, (at(2, 12, 3), "goes to sleep if no request")),
    "minAwake is respected": ({"sleep": {"minAwake": "1h"}}, Serving.AWAKE, at(2, 11, 58), NOW, (at(2, 12, 58), "goes to sleep")),
    "a time-out that has passed is now": ({}, Serving.AWAKE, at(2, 11, 0), NOW, (NOW, "goes to sleep")),
    "one that never sleeps": ({"sleep": {"mode": "Never"}}, Serving.AWAKE, at(2, 11, 58), NOW, None),
    "a schedule wakes the sleeping": ({"schedule": OFFICE}, Serving.ASLEEP, None, at(2, 19), (at(3, 8), "wakes it")),
    "a schedule of the night says nothing to the sleeping": ({"schedule": NIGHT}, Serving.ASLEEP, None, NOW, None),
    "a schedule puts the awake to sleep": ({"schedule": NIGHT}, Serving.AWAKE, None, NOW, (at(2, 22), "puts it to sleep")),
    "a window ends": ({"schedule": OFFICE}, Serving.AWAKE, at(2, 11), NOW, (at(2, 18), "no longer keeps it awake")),
    "a window begins for the awake": ({"schedule": OFFICE}, Serving.AWAKE, None, at(2, 7), (at(2, 8), "keeps it awake")),
    "one that is suspended": ({"schedule": OFFICE, "suspend": True}, Serving.ASLEEP, None, at(2, 19), None),
}


@pytest.mark.parametrize("sentence", NEXT)
async def test_the_next_change_is_foretold(world: World, sentence: str):
    spec, serving, idle_since, now, expected = NEXT[sentence]
    world.catalog.define("hello", **spec)
    world.clock.moment = now
    if idle_since is not None:
        world.idle_since[HELLO] = idle_since
    drain = IDLE if serving is Serving.ASLEEP else None
    await world.show(serving=serving, drain=drain, handled=Handled(schedule=at(2, 8)))
    change = (await seen(world)).next_change
    if expected is None:
        assert change is None
    else:
        assert change is not None
        assert change.at == expected[0]
        assert expected[1] in change.what


@pytest.mark.parametrize("reason, expected", [("DependantAwake", None), ("AppVeto", None), ("GatewayBusy", NOW)])
async def test_a_sleep_is_not_foretold_where_nobody_knows_how_long_it_is_blocked(world: World, reason: str, expected: datetime | None):
    world.clock.moment = NOW
    world.idle_since[HELLO] = at(2, 11, 0)
    await world.show(serving=Serving.AWAKE, drain=None, conditions=(blocked(reason, "why"),))
    change = (await seen(world)).next_change
    assert (change and change.at) == expected


async def test_a_pin_holds_until_its_end_whatever_the_schedule_says(world: World):
    until = NOW + timedelta(hours=12)
    world.catalog.define("hello", schedule=NIGHT)
    world.catalog.entries[HELLO] = replace(world.catalog.entries[HELLO], wishes=Wishes(keep_awake_until=until))
    world.idle_since[HELLO] = NOW
    await world.show()
    view = await seen(world)
    assert view.pin == until
    assert view.next_change is not None
    assert (view.next_change.at, view.next_change.what) == (until, "its pin ends")


@pytest.mark.parametrize(
    "spec, wishes, expected",
    [
        ({}, Wishes(keep_awake_until=NOW + timedelta(hours=1)), (at(2, 12, 0) + timedelta(seconds=20), "it is started again")),
        ({"schedule": OFFICE}, Wishes(), (at(2, 12, 0) + timedelta(seconds=20), "it is started again")),
        ({"schedule": NIGHT}, Wishes(), None),
        ({}, Wishes(), None),
        ({}, Wishes(keep_awake_until=NOW + timedelta(seconds=5)), (NOW + timedelta(seconds=5), "its pin ends")),
    ],
    ids=["pinned", "by its schedule", "its schedule wants it asleep", "nobody wants it awake", "a pin that ends before"],
)
async def test_the_next_try_of_what_is_to_be_awake_is_foretold(
    world: World, spec: dict[str, Any], wishes: Wishes, expected: tuple[datetime, str] | None
):
    world.catalog.define("hello", **spec)
    world.catalog.entries[HELLO] = replace(world.catalog.entries[HELLO], wishes=wishes)
    world.clock.moment = NOW
    # It sleeps for two minutes.
    drain = replace(failed(), backoff=140.0)
    await world.show(serving=Serving.ASLEEP, drain=drain, failures=5, handled=Handled(schedule=at(2, 8)))
    change = (await seen(world)).next_change
    assert (change and (change.at, change.what)) == expected


async def test_close_up_shows_history_instances_and_neighbours(world: World):
    world.catalog.define("hello", dependsOn=["db"])
    world.catalog.define("db")
    world.catalog.define("report", dependsOn=["hello"])
    await world.workloads.ensure(world.catalog.entries[HELLO].service, "uid-hello")
    await world.workloads.start(HELLO)
    await world.show(woken_by=WakeReason.REQUEST, asker=ASKER)
    for number in range(7):
        world.journal.record(Event(NOW, HELLO, EventKind.WOKE, "Request", asker=ASKER, phases={"asked": 0, "granted": float(number)}))
    detail = await see_closely(world.ports(), HELLO)
    assert detail is not None
    assert [wake.phases["granted"] for wake in detail.last_wakes] == [6, 5, 4, 3, 2]
    assert detail.typical_wake == 3
    assert [instance.id for instance in detail.instances] == ["hello-1"]
    assert (detail.depends_on, detail.dependants) == (("default/db",), ("default/report",))
    assert detail.source == "/etc/services/hello.yaml:1"
    assert detail.woken_by is not None
    assert detail.woken_by.client == "10.0.0.7"


async def test_close_up_shows_the_failure_with_its_last_log_lines(world: World):
    await world.workloads.ensure(world.catalog.entries[HELLO].service, "uid-hello")
    world.workloads.write(HELLO, "Traceback", "KeyError: 'DATABASE_URL'")
    await world.show(serving=Serving.ASLEEP, drain=failed())
    detail = await see_closely(world.ports(), HELLO)
    assert detail is not None
    assert detail.failure is not None
    assert (detail.failure.reason, detail.failure.retry_after) == ("Exited", 4.0)
    assert detail.failure.log == ("Traceback", "KeyError: 'DATABASE_URL'")
    short = see(world.ports(), Key("default", "hello"))
    assert short is not None
    assert short.failure is not None
    assert short.failure.log == ()
