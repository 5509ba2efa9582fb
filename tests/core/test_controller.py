"""Every branch of the controller's half, in the order of the protocol's clauses."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.core.situations import ENDING, EPOCH, FORCED_DRAIN, NOW, READY, STARTING, runs, says, status, stopped
from wakedock_operator.core.controller import (
    AskApp,
    Facts,
    Fence,
    Forget,
    LastLook,
    Probe,
    Rest,
    Start,
    Step,
    Stop,
    Write,
    decide,
    forced_by,
    gives_way,
    unwakeable,
)
from wakedock_operator.core.controller.draining import SILENCE
from wakedock_operator.core.lifecycle import Change, Stage, stage_of
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.schedule import Window
from wakedock_operator.core.status import (
    Asker,
    Drain,
    DrainReason,
    Failure,
    FailureReason,
    Handled,
    Report,
    ReportKind,
    Serving,
    Status,
    StopIntent,
    WakeReason,
)
from wakedock_operator.core.vetoes import Situation, Veto, VetoReason
from wakedock_operator.resource import Key

IDLE, DRAINED, BUSY, IN_FLIGHT = ReportKind.IDLE, ReportKind.DRAINED, ReportKind.BUSY, ReportKind.IN_FLIGHT
BOTH = frozenset({"a", "b"})
AWAKE_NOW = Window(NOW - timedelta(hours=1), NOW + timedelta(hours=1), awake=True)
ASLEEP_NOW = replace(AWAKE_NOW, awake=False)
BROKEN = Failure("one", FailureReason.EXITED, "exit code 1")
HEALABLE = replace(BROKEN, healable=True)
REWAKE = Drain(DrainReason.DEFINITION_CHANGED, forced=True, rewake=True)
SHOP = Key("default", "shop")
CALM = Situation(now=NOW)
PINNED = Situation(now=NOW, pinned_until=NOW + timedelta(hours=1))


def facts(
    stage: Stage | None, *reports: Report, stop: tuple[str, ...] = (), of: dict[str, object] | None = None, **fields: object
) -> Facts:
    """One gateway `a`, and a workload that runs unless the service is asleep. `of` are fields of the status."""
    given: dict[str, object] = {
        "backend": stopped() if stage is Stage.ASLEEP else runs(READY),
        "gateways": frozenset({"a"}),
        "situation": CALM,
        **fields,
    }
    known = None if stage is None else status(stage, *reports, stop=stop, **(of or {}))
    return Facts(now=NOW, uid="uid", status=known, **given)  # type: ignore[arg-type]


def written(given: Facts) -> Status:
    """The status that the next step writes."""
    step = decide(given)
    assert isinstance(step, Write), step
    if step.what is not None:
        assert given.status is not None
        assert step.status.epoch == given.status.epoch + 1
    return step.status


def test_the_first_status_follows_what_runs():
    assert written(facts(None)).serving is Serving.AWAKE
    assert written(facts(None, backend=stopped())).serving is Serving.ASLEEP


def test_what_is_left_of_a_service_that_ended_before_it_had_a_status_is_stopped_first():
    first = written(facts(None, defined=False))
    assert (first.serving, first.drain) == (Serving.ASLEEP, Drain(DrainReason.REMOVED, forced=True))
    assert decide(facts(None, defined=False, backend=stopped())) == Forget()


def changed(stage: Stage, what: Change, *reports: Report, **fields: object):
    """The case that a change is written."""
    return facts(stage, *reports, **fields), what  # type: ignore[arg-type]


CHANGES = [
    pytest.param(*changed(Stage.AWAKE, Change.DRAIN, says(IDLE)), id="Sleep 1: all idle, nothing objects"),
    pytest.param(*changed(Stage.AWAKE, Change.DRAIN, says(IDLE), asks_app=True, vetoed=""), id="Sleep 1: the app agrees"),
    pytest.param(*changed(Stage.AWAKE, Change.FORCE, says(BUSY), sleep_wish="new"), id="a wish to sleep forces a drain"),
    pytest.param(*changed(Stage.AWAKE, Change.FORCE, defined=False), id="so does the end of the service"),
    pytest.param(*changed(Stage.AWAKE, Change.FORCE, shutdown=True), id="and of WakeDock, with onExit Sleep"),
    pytest.param(*changed(Stage.AWAKE, Change.FORCE, suspended=True), id="and a suspension"),
    pytest.param(*changed(Stage.AWAKE, Change.FORCE, window=ASLEEP_NOW), id="and the edge of an Asleep window"),
    pytest.param(*changed(Stage.AWAKE, Change.FORCE, dependency_sleeps=True), id="and the sleep of a dependency"),
    pytest.param(*changed(Stage.AWAKE, Change.FORCE, backend=runs(READY, outdated=True)), id="and a changed definition"),
    pytest.param(*changed(Stage.AWAKE, Change.FORCE, situation=PINNED, sleep_wish="new"), id="a wish to sleep beats a pin"),
    pytest.param(*changed(Stage.DRAINING, Change.UNDRAIN, says(BUSY)), id="Sleep 3: any Busy ends the drain"),
    pytest.param(
        *changed(Stage.DRAINING, Change.COMMIT, says(DRAINED), stops_by_intent=False),
        id="Sleep 3: all drained, where stops carry a version",
    ),
    pytest.param(*changed(Stage.DRAINING, Change.COMMIT, says(DRAINED), backend=stopped()), id="Sleep 3: all drained, nothing runs"),
    pytest.param(*changed(Stage.FORCED, Change.COMMIT, says(DRAINED), looked=True), id="Sleep 3: all drained, a last look"),
    pytest.param(*changed(Stage.FORCED, Change.WAKE, says(BUSY), fenced=True), id="a forced drain ends in Awake when the app is up"),
    pytest.param(*changed(Stage.FORCED, Change.WAKE, wake_wish="new", fenced=True), id="so it does by a newer wish to wake"),
    pytest.param(*changed(Stage.FORCED, Change.WAKE, situation=PINNED, fenced=True), id="or a newer pin"),
    pytest.param(*changed(Stage.FORCED, Change.WAKE, window=AWAKE_NOW, fenced=True), id="or an Awake window that begins"),
    pytest.param(
        *changed(Stage.FORCED, Change.COMMIT, says(DRAINED), looked=True, situation=PINNED, pinned_then=PINNED.pinned_until),
        id="but not by a pin from before the sleep",
    ),
    pytest.param(
        *changed(Stage.FORCED, Change.COMMIT, says(DRAINED), looked=True, situation=PINNED, suspended=True),
        id="nor while it is not to run",
    ),
    pytest.param(
        *changed(Stage.FORCED, Change.COMMIT, says(DRAINED), looked=True, wake_wish="new", of={"drain": REWAKE}),
        id="nor where nobody wanted that sleep",
    ),
    pytest.param(
        *changed(Stage.FORCED, Change.COMMIT, says(DRAINED), stops_by_intent=False, backend=stopped(), situation=PINNED),
        id="nor where nothing runs",
    ),
    pytest.param(*changed(Stage.ASLEEP, Change.WAKE, says(BUSY), backend=runs(READY), fenced=True), id="Wake 5: Busy, up and fenced"),
    pytest.param(
        *changed(Stage.ASLEEP, Change.WAKE, backend=runs(READY), wake_wish="new", fenced=True), id="Wake 5: with a wish in place of Busy"
    ),
    pytest.param(*changed(Stage.ASLEEP, Change.GIVE_UP, says(BUSY), backend=stopped(failure=BROKEN)), id="a failing start is given up"),
    pytest.param(
        *changed(Stage.ASLEEP, Change.GIVE_UP, says(BUSY), backend=runs(STARTING, failure=HEALABLE), fail_fast=True),
        id="with failFast one that might heal too",
    ),
    pytest.param(
        *changed(Stage.ASLEEP, Change.GIVE_UP, says(BUSY), backend=runs(STARTING), waited=61.0), id="so is one that nobody answers"
    ),
    pytest.param(
        *changed(Stage.ASLEEP, Change.GIVE_UP, says(BUSY, holding=True), backend=runs(STARTING), suspended=True),
        id="a wake of what is suspended meanwhile is given up",
    ),
    pytest.param(
        *changed(Stage.ASLEEP, Change.GIVE_UP, says(BUSY), backend=runs(READY), fenced=True, defined=False),
        id="so is one of what has ended, ready or not",
    ),
    pytest.param(*changed(Stage.ASLEEP, Change.GIVE_UP, says(BUSY), backend=runs(), shutdown=True), id="and one that WakeDock's end finds"),
]


@pytest.mark.parametrize("given, what", CHANGES)
def test_the_changes_that_the_controller_writes(given: Facts, what: Change):
    step = decide(given)
    assert isinstance(step, Write)
    assert step.what is what


STEPS = [
    # Sleep
    pytest.param(facts(Stage.AWAKE, says(IDLE), asks_app=True), AskApp(), id="Sleep 1: the app is asked last"),
    pytest.param(facts(Stage.DRAINING, says(DRAINED)), LastLook(), id="Sleep 3: by intent, a last look comes first"),
    pytest.param(facts(Stage.ASLEEP, stop=("one",), backend=runs(READY)), Stop("v1"), id="Sleep 4: what the intent names is stopped"),
    pytest.param(
        facts(Stage.ASLEEP, says(BUSY), stop=("one",), backend=runs(READY), wake_wish="new"),
        Stop("v1"),
        id="Sleep 4: whoever asks meanwhile",
    ),
    pytest.param(facts(Stage.ASLEEP, backend=runs(READY), stops_by_intent=False), Stop("v1"), id="Sleep 4: where stops carry a version"),
    pytest.param(facts(Stage.ASLEEP, backend=runs(READY)), LastLook(), id="Sleep 4: what runs without an intent is looked at"),
    pytest.param(facts(Stage.ASLEEP, backend=runs()), Rest(), id="Sleep 4: what is not there yet cannot be named"),
    pytest.param(
        facts(Stage.ASLEEP, says(BUSY, holding=True), backend=runs(STARTING), stops_by_intent=False),
        Rest(),
        id="Sleep 4: Busy keeps it running",
    ),
    pytest.param(facts(Stage.ASLEEP), Rest(), id="asleep and stopped: rest"),
    # Forced drain
    pytest.param(
        facts(Stage.FORCED, says(BUSY), says(DRAINED, "b"), gateways=BOTH, backend=runs(READY, settled=False)),
        "a",
        id="Awake only under the conditions of Wake 5",
    ),
    pytest.param(facts(Stage.FORCED, says(BUSY)), Fence(), id="and only fenced"),
    # Wake 5
    pytest.param(facts(Stage.ASLEEP, says(BUSY), backend=runs(READY)), Fence(), id="Wake 5: fence first"),
    pytest.param(
        facts(Stage.ASLEEP, says(BUSY), backend=runs(READY, settled=False), fenced=True), Rest(), id="Wake 5: not before it has settled"
    ),
    pytest.param(
        facts(Stage.ASLEEP, says(BUSY), backend=runs(ENDING, READY), fenced=True), Rest(), id="Wake 5: not beside what still ends"
    ),
    pytest.param(
        facts(Stage.ASLEEP, says(BUSY), backend=runs(ENDING, READY), stops_by_intent=False),
        Fence(),
        id="Wake 5: but where no intent names it, what still ends has no part in it",
    ),
    pytest.param(
        facts(Stage.ASLEEP, says(BUSY, holding=True), backend=runs(STARTING), fenced=True), Rest(), id="Wake 5: not before it answers"
    ),
    pytest.param(facts(Stage.ASLEEP, says(BUSY), backend=runs(STARTING)), Probe("one"), id="Wake 5: a wake whose clients left is finished"),
    pytest.param(facts(Stage.ASLEEP, says(BUSY, epoch=EPOCH - 1)), Rest(), id="a Busy about an older epoch is void"),
    # A wake that nobody's request asks for
    pytest.param(facts(Stage.ASLEEP, wake_wish="new"), Start(), id="a wish to wake starts it"),
    pytest.param(facts(Stage.ASLEEP, of={"drain": REWAKE}), Start(), id="a changed definition starts it again"),
    pytest.param(facts(Stage.ASLEEP, situation=PINNED), Start(), id="a pin wakes what sleeps"),
    pytest.param(facts(Stage.ASLEEP, window=AWAKE_NOW), Start(), id="so does the edge of an Awake window"),
    pytest.param(facts(Stage.ASLEEP, needed=True), Start(), id="and a dependant that is to be woken"),
    pytest.param(facts(Stage.ASLEEP, situation=PINNED, sleep_wish="new"), "handled", id="a later wish to sleep beats the pin"),
    pytest.param(facts(Stage.ASLEEP, wake_wish="new", may_start=False), Rest(), id="a back-off delays it"),
    pytest.param(facts(Stage.ASLEEP, wake_wish="new", dependencies_ready=False), Rest(), id="dependencies come first"),
    pytest.param(facts(Stage.ASLEEP, wake_wish="new", backend=runs(STARTING)), Probe("one"), id="nobody else probes it"),
    pytest.param(facts(Stage.ASLEEP, wake_wish="new", backend=runs()), Rest(), id="what is not there yet is waited for"),
    pytest.param(facts(Stage.ASLEEP, wake_wish="new", suspended=True), Rest(), id="what is suspended never wakes"),
    pytest.param(facts(Stage.ASLEEP, wake_wish="new", shutdown=True), Rest(), id="nor while WakeDock ends"),
    pytest.param(facts(Stage.ASLEEP, wake_wish="new", dependency_sleeps=True), Rest(), id="nor while a dependency is put to sleep"),
    pytest.param(facts(Stage.ASLEEP, situation=replace(PINNED, pinned_until=NOW)), Rest(), id="a pin that ended wakes nothing"),
    # A start that fails
    pytest.param(
        facts(Stage.ASLEEP, says(BUSY, holding=True), backend=runs(STARTING, failure=HEALABLE)), Rest(), id="what may heal is waited for"
    ),
    pytest.param(
        facts(Stage.ASLEEP, says(BUSY), backend=stopped(failure=BROKEN), of={"failed": "one"}), Rest(), id="one failure is given up once"
    ),
    pytest.param(
        facts(Stage.ASLEEP, says(BUSY, holding=True), backend=runs(STARTING), waited=61.0),
        Rest(),
        id="as long as somebody holds, it is waited for",
    ),
    # The end of a service
    pytest.param(facts(Stage.ASLEEP, defined=False), Forget(), id="a stopped service that ended is forgotten"),
    pytest.param(facts(Stage.ASLEEP, defined=False, backend=stopped(ENDING)), Rest(), id="once everything of it is gone"),
    pytest.param(
        facts(Stage.ASLEEP, defined=False, backend=runs(READY), looked=True), "named", id="what still runs of it is stopped first"
    ),
]


@pytest.mark.parametrize("given, expected", STEPS)
def test_the_other_steps_of_the_controller(given: Facts, expected: Step | str):
    step = decide(given)
    match expected:
        case "handled":
            assert isinstance(step, Write)
            assert (step.what, step.status.handled.sleep) == (None, "new")
        case "named":
            assert isinstance(step, Write)
            assert (step.what, step.status.stop) == (None, StopIntent(("one",)))
        case str():
            assert isinstance(step, Rest)
            assert step.blocked is not None
            assert f"gateway {expected}" in step.blocked.message
        case _:
            assert step == expected


BLOCKED = [
    pytest.param(facts(Stage.AWAKE), VetoReason.GATEWAY_BUSY, id="a silent gateway is busy"),
    pytest.param(facts(Stage.AWAKE, says(IDLE, epoch=EPOCH - 1)), VetoReason.GATEWAY_BUSY, id="so is one that spoke about an older epoch"),
    pytest.param(facts(Stage.AWAKE, says(BUSY)), VetoReason.GATEWAY_BUSY, id="so is one that says so"),
    pytest.param(facts(Stage.AWAKE, says(IDLE), gateways=BOTH), VetoReason.GATEWAY_BUSY, id="all have to be idle"),
    pytest.param(facts(Stage.AWAKE, gateways=frozenset()), VetoReason.GATEWAY_UNREACHABLE, id="without gateways nobody can tell"),
    pytest.param(facts(Stage.AWAKE, says(IDLE), situation=PINNED), VetoReason.PINNED, id="the checks come before the gateways"),
    pytest.param(facts(Stage.AWAKE, says(IDLE), asks_app=True, vetoed="a job runs"), VetoReason.APP_VETO, id="the app objects"),
    pytest.param(
        facts(Stage.AWAKE, sleep_wish="new", dependants_up=(SHOP,), of={"drain": FORCED_DRAIN}),
        VetoReason.DEPENDANT_AWAKE,
        id="dependants sleep first",
    ),
    pytest.param(
        facts(Stage.FORCED, says(DRAINED), dependants_up=(SHOP,)),
        VetoReason.DEPENDANT_AWAKE,
        id="so does one that was started just before the drain",
    ),
    pytest.param(facts(Stage.DRAINING), VetoReason.DRAINING_IN_FLIGHT, id="a drain waits for every gateway"),
    pytest.param(facts(Stage.DRAINING, gateways=frozenset()), VetoReason.DRAINING_IN_FLIGHT, id="and for at least one"),
]


def test_what_a_drain_waits_for_is_said():
    """Who carries something says so. Who says nothing for long may be gone, whatever others say."""
    carried = replace(facts(Stage.FORCED, says(IN_FLIGHT), listed=True), now=NOW + timedelta(seconds=SILENCE))
    assert blocked(carried).reason is VetoReason.DRAINING_IN_FLIGHT
    assert "still in flight at gateway a;" in blocked(carried).message
    silent = replace(carried, gateways=BOTH)
    assert blocked(silent).reason is VetoReason.GATEWAY_UNREACHABLE
    assert blocked(silent).message.startswith("b says nothing")


def blocked(given: Facts) -> Veto:
    step = decide(given)
    assert isinstance(step, Rest)
    assert step.blocked is not None
    return step.blocked


@pytest.mark.parametrize("given, reason", BLOCKED)
def test_what_keeps_a_service_from_sleeping_is_said(given: Facts, reason: VetoReason):
    assert blocked(given).reason is reason


FORCES: list[tuple[DrainReason, dict[str, object]]] = [
    (DrainReason.REMOVED, {"defined": False}),
    (DrainReason.SHUTDOWN, {"shutdown": True}),
    (DrainReason.SUSPENDED, {"suspended": True}),
    (DrainReason.REQUESTED, {"sleep_wish": "new"}),
    (DrainReason.DEPENDENCY_SLEEPS, {"dependency_sleeps": True}),
    (DrainReason.DEFINITION_CHANGED, {"backend": runs(READY, outdated=True)}),
    (DrainReason.SCHEDULED, {"window": ASLEEP_NOW}),
]


def test_a_forced_sleep_that_waits_for_dependants_is_on_record_as_due():
    given = facts(Stage.AWAKE, sleep_wish="new", dependants_up=(SHOP,))
    due = written(given)
    assert (due.serving, due.drain, due.handled) == (Serving.AWAKE, FORCED_DRAIN, Handled())
    assert written(replace(given, status=due, dependants_up=())).serving is Serving.DRAINING


def test_a_wish_that_is_taken_back_is_due_no_more():
    assert written(facts(Stage.AWAKE, of={"drain": FORCED_DRAIN})).drain is None


@pytest.mark.parametrize(
    "wants, handled",
    [
        pytest.param({"sleep_wish": "new"}, Handled(sleep="new"), id="that somebody asked for"),
        pytest.param({"window": ASLEEP_NOW}, Handled(schedule=ASLEEP_NOW.began), id="of the schedule"),
    ],
)
def test_a_sleep_gives_way_to_requests_of_dependants(wants: dict[str, Any], handled: Handled):
    given = facts(Stage.AWAKE, dependants_up=(SHOP,), withstood=True, **wants)
    due = written(given)
    given_up = written(replace(given, status=due))
    assert due.drain is not None
    assert (given_up.serving, given_up.drain, given_up.handled) == (Serving.AWAKE, None, handled)


@pytest.mark.parametrize("must", [{"suspended": True}, {"shutdown": True}, {"dependency_sleeps": True}])
def test_one_that_has_to_be_does_not(must: dict[str, Any]):
    given = facts(Stage.AWAKE, dependants_up=(SHOP,), withstood=True, **must)
    due = written(given)
    assert due.drain is not None
    assert isinstance(decide(replace(given, status=due)), Rest)


def test_what_sleeps_for_a_sleep_that_gives_way_is_awake_only_after_that():
    given = facts(Stage.ASLEEP, says(BUSY), backend=runs(READY), fenced=True, dependency_gives_way=True)
    assert decide(given) == Rest()
    assert written(replace(given, dependency_gives_way=False)).serving is Serving.AWAKE


@pytest.mark.parametrize(
    "given, does",
    [
        (status(Stage.AWAKE, drain=FORCED_DRAIN), True),
        (status(Stage.AWAKE, drain=Drain(DrainReason.SCHEDULED, forced=True)), True),
        (status(Stage.AWAKE, drain=REWAKE), True),
        (status(Stage.AWAKE, drain=Drain(DrainReason.SUSPENDED, forced=True)), False),
        (status(Stage.AWAKE), False),
        (status(Stage.FORCED), False),
    ],
)
def test_which_due_sleeps_give_way(given: Status, does: bool):
    assert gives_way(given) is does


@pytest.mark.parametrize("first", range(len(FORCES)), ids=[reason for reason, _ in FORCES])
def test_the_first_reason_that_holds_names_a_forced_drain(first: int):
    given = facts(Stage.AWAKE)
    for _, fields in FORCES[first:]:
        given = replace(given, **fields)  # type: ignore[arg-type]
    assert given.status is not None
    drain = forced_by(given, given.status)
    assert drain is not None
    assert (drain.reason, drain.forced) == (FORCES[first][0], True)
    assert drain.rewake is (drain.reason is DrainReason.DEFINITION_CHANGED)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(facts(Stage.AWAKE), id="nothing"),
        pytest.param(facts(Stage.AWAKE, sleep_wish="done", of={"handled": Handled(sleep="done")}), id="a wish that was met"),
        pytest.param(facts(Stage.AWAKE, window=ASLEEP_NOW, of={"handled": Handled(schedule=ASLEEP_NOW.began)}), id="an edge that was met"),
        pytest.param(facts(Stage.AWAKE, window=AWAKE_NOW), id="an Awake window"),
        pytest.param(facts(Stage.AWAKE, backend=stopped(outdated=True)), id="an outdated app that does not run"),
    ],
)
def test_what_forces_no_drain(given: Facts):
    assert given.status is not None
    assert forced_by(given, given.status) is None


def test_a_wish_to_sleep_is_met_by_the_drain_and_so_is_the_wish_to_wake_before_it():
    after = written(facts(Stage.AWAKE, sleep_wish="s", wake_wish="w"))
    assert after.handled == Handled(wake="w", sleep="s")


def test_the_edge_of_an_asleep_window_is_met_by_the_drain():
    assert written(facts(Stage.AWAKE, window=ASLEEP_NOW)).handled.schedule == ASLEEP_NOW.began


def test_being_awake_meets_the_wish_to_wake_and_the_edge_of_an_awake_window():
    after = written(facts(Stage.AWAKE, wake_wish="w", window=AWAKE_NOW))
    assert (after.epoch, after.handled) == (EPOCH, Handled(wake="w", schedule=AWAKE_NOW.began))


def test_sleeping_meets_the_edge_of_an_asleep_window():
    after = written(facts(Stage.ASLEEP, window=ASLEEP_NOW))
    assert (after.epoch, after.handled.schedule) == (EPOCH, ASLEEP_NOW.began)


def test_falling_asleep_names_every_live_instance_in_the_same_write():
    after = written(facts(Stage.DRAINING, says(DRAINED), backend=runs(ENDING, READY), looked=True))
    assert (after.serving, after.stop) == (Serving.ASLEEP, StopIntent(("one",)))


@pytest.mark.parametrize(
    "given, reason",
    [
        pytest.param(
            facts(Stage.ASLEEP, replace(says(BUSY), asker=Asker(NOW)), backend=runs(READY), fenced=True), WakeReason.REQUEST, id="a request"
        ),
        pytest.param(
            facts(Stage.ASLEEP, says(BUSY), backend=runs(READY), fenced=True), WakeReason.DEPENDANT, id="a dependant that a gateway wakes"
        ),
        pytest.param(facts(Stage.ASLEEP, backend=runs(READY), fenced=True, wake_wish="new"), WakeReason.COMMAND, id="a command"),
        pytest.param(
            facts(Stage.ASLEEP, backend=runs(READY), fenced=True, of={"drain": REWAKE}), WakeReason.DEFINITION_CHANGED, id="a definition"
        ),
        pytest.param(facts(Stage.ASLEEP, backend=runs(READY), fenced=True, situation=PINNED), WakeReason.PIN, id="a pin"),
        pytest.param(facts(Stage.ASLEEP, backend=runs(READY), fenced=True, window=AWAKE_NOW), WakeReason.SCHEDULE, id="the schedule"),
        pytest.param(facts(Stage.ASLEEP, backend=runs(READY), fenced=True, needed=True), WakeReason.DEPENDANT, id="a dependant"),
        pytest.param(facts(Stage.DRAINING, says(BUSY)), WakeReason.DRAIN_ENDED, id="a request in a drain"),
    ],
)
def test_a_wake_says_why(given: Facts, reason: WakeReason):
    assert written(given).woken_by is reason


def test_a_wake_meets_the_wish_to_wake():
    assert written(facts(Stage.ASLEEP, backend=runs(READY), fenced=True, wake_wish="new")).handled.wake == "new"


def test_a_start_that_is_given_up_is_a_forced_drain_with_cause_and_back_off_and_meets_the_wish():
    after = written(facts(Stage.ASLEEP, backend=stopped(failure=BROKEN), wake_wish="new", of={"failures": 2}))
    assert stage_of(after) is Stage.FORCED
    assert after.drain == Drain(DrainReason.START_FAILED, forced=True, cause=BROKEN, backoff=4.0)
    assert (after.failures, after.failed, after.handled.wake) == (3, "one", "new")


@pytest.mark.parametrize(
    "backend, reason, message",
    [
        pytest.param({}, FailureReason.NO_ANSWER, "no answer within wake.timeout (60 s)", id="nothing was seen"),
        pytest.param(
            {"seen": "nothing listens"},
            FailureReason.NO_ANSWER,
            "no answer within wake.timeout (60 s); last seen: nothing listens",
            id="a probe saw something",
        ),
        pytest.param(
            {"failure": HEALABLE, "seen": "nothing listens"},
            FailureReason.EXITED,
            "no answer within wake.timeout (60 s); last seen: exit code 1",
            id="something failed",
        ),
    ],
)
def test_an_unanswered_start_names_what_was_seen_last(backend: dict[str, Any], reason: FailureReason, message: str):
    after = written(facts(Stage.ASLEEP, says(BUSY), backend=runs(STARTING, **backend), waited=61.0))
    assert after.drain is not None
    assert after.drain.cause == Failure(f"uid/{EPOCH}", reason, message)


@pytest.mark.parametrize("backend", [stopped(failure=BROKEN), runs(READY, failure=BROKEN)], ids=["nothing runs", "something runs"])
def test_what_failed_before_a_sleep_is_no_failure_of_the_next_start(backend: Observation):
    asleep = written(facts(Stage.FORCED, says(DRAINED), backend=backend, looked=True))
    woken = replace(asleep, gateways=(says(BUSY, epoch=asleep.epoch),), stop=None)
    assert isinstance(decide(replace(facts(Stage.ASLEEP), status=woken, backend=stopped(failure=BROKEN))), Rest)


def test_what_was_to_be_stopped_and_ended_by_itself_is_no_failed_start():
    assert isinstance(decide(facts(Stage.ASLEEP, says(BUSY), stop=("one",), backend=stopped(failure=BROKEN))), Rest)


def test_a_start_that_fails_in_a_forced_drain_is_counted_once():
    given = facts(Stage.FORCED, says(BUSY), backend=stopped(failure=BROKEN))
    after = written(given)
    assert (after.epoch, after.failures, after.failed) == (EPOCH, 1, "one")
    assert isinstance(decide(replace(given, status=after)), Rest)


AFTER_A_FAILURE = Drain(DrainReason.START_FAILED, forced=True, cause=BROKEN, backoff=4.0)


@pytest.mark.parametrize(
    "given, suspended, later, why",
    [
        pytest.param(None, True, 0, "is suspended", id="suspended, seen or not"),
        pytest.param(None, False, 0, "", id="not seen yet"),
        pytest.param(status(Stage.FORCED, drain=AFTER_A_FAILURE), False, 9, "did not start: exit code 1", id="its failed start is drained"),
        pytest.param(status(Stage.ASLEEP, drain=AFTER_A_FAILURE), False, 3, "did not start: exit code 1", id="its back-off runs"),
        pytest.param(status(Stage.ASLEEP, drain=AFTER_A_FAILURE), False, 4, "", id="its back-off is over"),
        pytest.param(status(Stage.ASLEEP, says(BUSY), drain=AFTER_A_FAILURE), False, 3, "", id="it is being woken anew"),
        pytest.param(status(Stage.ASLEEP), False, 0, "", id="it sleeps by idleness"),
        pytest.param(status(Stage.AWAKE), False, 0, "", id="it serves"),
    ],
)
def test_why_a_dependency_cannot_be_woken(given: Status | None, suspended: bool, later: int, why: str):
    assert unwakeable(given, suspended=suspended, now=NOW + timedelta(seconds=later)) == why
