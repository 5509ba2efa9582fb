"""The controller's rules where gateways come and go, stops carry a version, and others scale the same workload."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.core.situations import EPOCH, NOW, READY, STARTING, runs, says, status, stopped
from wakedock_operator.core.controller import (
    ASK_AGAIN,
    LIST_AGAIN,
    SILENCE,
    UNDONE_SLEEPS,
    UNNAMED,
    Facts,
    Fence,
    Forget,
    Probe,
    Rest,
    Stop,
    Write,
    decide,
    rests_on_gateways,
)
from wakedock_operator.core.lifecycle import Change, Stage
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import PROTOCOL, Drain, DrainReason, Failure, FailureReason, Report, ReportKind, Status, WakeReason
from wakedock_operator.core.vetoes import Situation, VetoReason

IDLE, DRAINED, BUSY = ReportKind.IDLE, ReportKind.DRAINED, ReportKind.BUSY
BOTH = frozenset({"a", "b"})


def facts(given: Status | None, **fields: object) -> Facts:
    """Two gateways, and a backend whose stops carry a version."""
    known: dict[str, object] = {
        "backend": runs(READY, generation=3),
        "gateways": BOTH,
        "listed": True,
        "situation": Situation(now=NOW),
        "stops_by_intent": False,
        **fields,
    }
    return Facts(now=NOW, uid="uid", status=given, **known)  # type: ignore[arg-type]


def written(given: Facts) -> tuple[Status, Change | None]:
    step = decide(given)
    assert isinstance(step, Write), step
    return step.status, step.what


def blocked(given: Facts) -> tuple[VetoReason, str, float | None]:
    step = decide(given)
    assert isinstance(step, Rest), step
    assert step.blocked is not None
    return step.blocked.reason, step.blocked.message, step.again_in


# Gateways that come and go


def test_the_entry_of_a_gateway_that_is_gone_is_removed_before_anything_is_decided():
    drained = status(Stage.DRAINING, says(DRAINED), says(DRAINED, "b"), says(BUSY, "gone"))
    after, what = written(facts(drained))
    assert what is None
    assert {report.gateway for report in after.gateways} == {"a", "b"}


@pytest.mark.parametrize(
    "given, rests",
    [
        pytest.param(status(Stage.AWAKE, says(IDLE)), False, id="while a known one is busy, it matters to nobody"),
        pytest.param(status(Stage.AWAKE, says(IDLE), says(IDLE, "b")), True, id="before a drain it does"),
        pytest.param(status(Stage.DRAINING), True, id="and in a drain"),
        pytest.param(status(Stage.ASLEEP, says(BUSY)), False, id="asleep it does not"),
        pytest.param(status(Stage.ASLEEP, says(BUSY, "new")), True, id="but where an unknown one spoke"),
    ],
)
def test_who_is_a_gateway_is_listed_where_a_decision_rests_on_it(given: Status, rests: bool):
    assert rests_on_gateways(given, BOTH) is rests


def test_nobody_is_taken_for_gone_by_an_old_list():
    busy = status(Stage.DRAINING, says(DRAINED), says(DRAINED, "b"), says(BUSY, "new"))
    _, what = written(facts(busy, listed=False))
    assert what is Change.UNDRAIN


def test_a_gateway_that_has_just_come_counts_as_busy():
    assert blocked(facts(status(Stage.AWAKE, says(IDLE))))[0] is VetoReason.GATEWAY_BUSY


def test_without_any_gateway_nothing_sleeps():
    assert blocked(facts(status(Stage.AWAKE), gateways=frozenset()))[0] is VetoReason.GATEWAY_UNREACHABLE


@pytest.mark.parametrize("stage", [Stage.AWAKE, Stage.DRAINING])
def test_where_nobody_can_say_who_is_a_gateway_nothing_sleeps(stage: Stage):
    kind = IDLE if stage is Stage.AWAKE else DRAINED
    reason, message, again = blocked(facts(status(stage, says(kind), says(kind, "b")), unlisted="the API server is away", listed=False))
    assert (reason, again) == (VetoReason.GATEWAY_UNREACHABLE, ASK_AGAIN)
    assert "the API server is away" in message


def test_a_drain_waits_for_the_silent_one_and_lists_again():
    reason, message, again = blocked(facts(status(Stage.FORCED, says(DRAINED))))
    assert (reason, again) == (VetoReason.DRAINING_IN_FLIGHT, LIST_AGAIN)
    assert "b" in message


def test_one_that_is_silent_for_long_is_named_with_what_to_do():
    silent = replace(status(Stage.FORCED, says(DRAINED)), since=NOW - timedelta(seconds=SILENCE))
    reason, message, _ = blocked(facts(silent))
    assert reason is VetoReason.GATEWAY_UNREACHABLE
    assert "kubectl delete pod b" in message


def test_one_that_spoke_in_this_drain_is_not_called_silent():
    busy = replace(status(Stage.FORCED, says(DRAINED), says(BUSY, "b")), since=NOW - timedelta(seconds=SILENCE))
    assert blocked(facts(busy, backend=runs(READY, settled=False)))[0] is VetoReason.DRAINING_IN_FLIGHT


@pytest.mark.parametrize("stage, kind", [(Stage.AWAKE, IDLE), (Stage.DRAINING, DRAINED), (Stage.FORCED, DRAINED)])
def test_nobody_sleeps_on_the_word_of_another_version(stage: Stage, kind: ReportKind):
    other = Report("b", kind, EPOCH, protocol=PROTOCOL + 1)
    reason, message, _ = blocked(facts(status(stage, says(kind), other)))
    assert reason is VetoReason.GATEWAY_VERSION
    assert message.startswith("b is of another version")


def test_another_version_may_wake():
    busy = Report("b", BUSY, EPOCH, holding=True, protocol=PROTOCOL + 1)
    _, what = written(facts(status(Stage.ASLEEP, busy), backend=runs(READY, generation=3), fenced=True))
    assert what is Change.WAKE


# Stops that carry a version


def test_a_commit_records_the_generation_and_names_nobody():
    drained = status(Stage.DRAINING, says(DRAINED), says(DRAINED, "b"))
    after, what = written(facts(drained, backend=runs(READY, generation=8)))
    assert (what, after.generation, after.stop, after.replicas) == (Change.COMMIT, 8, None, 1)


def test_a_stop_is_sent_on_the_version_that_was_seen_while_the_generation_is_unchanged():
    asleep = replace(status(Stage.ASLEEP), generation=3)
    assert decide(facts(asleep)) == Stop("v1")
    assert isinstance(decide(facts(asleep, backend=stopped(generation=4))), Rest)


@pytest.mark.parametrize("stage", [Stage.ASLEEP, Stage.FORCED])
def test_a_wake_is_fenced_while_the_generation_is_unchanged(stage: Stage):
    """A stop that was decided on it may still be on its way; once it has moved, so has the version, and the stop fails."""
    busy = replace(status(stage, says(BUSY, holding=True)), generation=3)
    assert decide(facts(busy)) == Fence()
    assert written(facts(busy, fenced=True))[1] is Change.WAKE
    assert written(facts(busy, backend=runs(READY, generation=4)))[1] is Change.WAKE


def test_a_failure_before_the_sleep_is_none_of_the_next_start():
    crash = Failure("pod-1/2", FailureReason.EXITED, "exit code 1")
    drained = status(Stage.DRAINING, says(DRAINED), says(DRAINED, "b"))
    after, _ = written(facts(drained, backend=replace(runs(READY, generation=3), failure=crash)))
    assert after.failed == crash.id


# Others who scale


def test_what_others_scale_up_while_it_sleeps_is_their_wake():
    asleep = replace(status(Stage.ASLEEP), generation=3)
    theirs = replace(runs(READY, generation=4), desired=2, scaled_by="kubectl")
    after, what = written(facts(asleep, backend=theirs))
    assert (what, after.woken_by, after.replicas) == (Change.WAKE, WakeReason.SCALED, 2)
    assert (after.undone, after.undone_by) == (1, "kubectl")


@pytest.mark.parametrize(
    "why, ending",
    [
        (DrainReason.SUSPENDED, {"suspended": True}),
        (DrainReason.REMOVED, {"defined": False}),
        (DrainReason.DEPENDENCY_SLEEPS, {"dependency_sleeps": True}),
    ],
)
def test_a_wake_that_no_request_asked_for_is_given_up_where_it_has_to_end(why: DrainReason, ending: dict[str, bool]):
    asleep = replace(status(Stage.ASLEEP), generation=3)
    after, what = written(facts(asleep, backend=runs(STARTING, generation=4), **ending))
    assert what is Change.GIVE_UP
    assert after.drain == Drain(why, forced=True)


@pytest.mark.parametrize(
    "backend", [replace(runs(STARTING, generation=4), scaled_by="argocd"), replace(runs(READY, generation=4), desired=0)]
)
def test_what_somebody_else_scaled_up_and_what_is_being_stopped_goes_on_while_suspended(backend: Observation):
    asleep = replace(status(Stage.ASLEEP), generation=3)
    assert decide(facts(asleep, backend=backend, suspended=True)) == Rest()


@pytest.mark.parametrize("last, count", [("kubectl", 3), ("argocd", 1)])
def test_sleeps_are_counted_that_the_same_one_undoes(last: str, count: int):
    asleep = replace(status(Stage.ASLEEP), generation=3, undone=2, undone_by=last)
    after, _ = written(facts(asleep, backend=replace(runs(READY, generation=4), scaled_by="kubectl")))
    assert (after.undone, after.undone_by) == (count, "kubectl")


@pytest.mark.parametrize("started, by", [(False, UNNAMED), (True, "")], ids=["somebody", "this controller"])
def test_who_leaves_no_name_counts_as_well_but_not_a_wake_of_ours_whose_wish_was_taken_back(started: bool, by: str):
    asleep = replace(status(Stage.ASLEEP), generation=3, undone=2, undone_by=UNNAMED)
    after, _ = written(facts(asleep, backend=runs(READY, generation=4), started=started))
    assert (after.woken_by, after.undone_by) == (WakeReason.COMMAND if started else WakeReason.SCALED, by)
    assert after.undone == (0 if started else 3)


def test_a_request_ends_the_count():
    asleep = replace(status(Stage.ASLEEP, says(BUSY, holding=True)), generation=3, undone=2, undone_by="kubectl")
    after, _ = written(facts(asleep, backend=replace(runs(READY, generation=4), scaled_by="kubectl")))
    assert (after.undone, after.undone_by) == (0, "")


def test_who_undoes_every_sleep_is_named_and_left_alone_until_somebody_asks_for_a_sleep():
    awake = replace(status(Stage.AWAKE, says(IDLE), says(IDLE, "b")), undone=UNDONE_SLEEPS, undone_by="argocd")
    reason, message, _ = blocked(facts(awake))
    assert reason is VetoReason.SCALED_BY
    assert message.startswith("argocd scaled it up again")
    after, what = written(facts(awake, sleep_wish="now"))
    assert (what, after.undone, after.undone_by) == (Change.FORCE, 0, "")


def test_what_serves_while_a_new_version_is_rolled_out_is_awake():
    waking = status(Stage.ASLEEP, says(BUSY))
    stuck = replace(runs(STARTING, generation=waking.generation), rolling=True)
    assert isinstance(decide(facts(waking, backend=replace(stuck, rolling=False), fenced=True)), Probe)
    assert written(facts(waking, backend=stuck, fenced=True))[1] is Change.WAKE
    assert isinstance(decide(facts(waking, backend=replace(stuck, settled=False), fenced=True)), Probe)


def test_a_rollout_is_not_ended_by_idleness_nor_by_the_schedule_but_by_a_person():
    idle = status(Stage.AWAKE, says(IDLE), says(IDLE, "b"))
    rolling = replace(runs(READY, generation=3), rolling=True)
    assert blocked(facts(idle, backend=rolling))[0] is VetoReason.ROLLOUT
    after, what = written(facts(idle, backend=rolling, sleep_wish="now"))
    assert what is Change.FORCE
    assert after.drain is not None
    assert after.drain.reason is DrainReason.REQUESTED


@pytest.mark.parametrize(
    "reason, waits",
    [
        (reason, reason in {DrainReason.IDLE, DrainReason.SCHEDULED, DrainReason.REQUESTED})
        for reason in DrainReason
        if reason is not DrainReason.START_FAILED
    ],
)
def test_a_rollout_that_begins_in_a_drain_ends_first_unless_the_app_is_not_to_run(reason: DrainReason, waits: bool):
    drain = Drain(reason, forced=reason is not DrainReason.IDLE)
    drained = replace(status(Stage.DRAINING, says(DRAINED), says(DRAINED, "b")), drain=drain)
    rolling = replace(runs(READY, generation=3), rolling=True)
    if waits:
        assert blocked(facts(drained, backend=rolling))[0] is VetoReason.ROLLOUT
        assert written(facts(drained, backend=replace(rolling, rolling=False)))[1] is Change.COMMIT
    else:
        assert written(facts(drained, backend=rolling))[1] is Change.COMMIT


def test_a_rollout_in_which_somebody_asked_for_the_sleep_is_ended_by_it():
    drained = replace(status(Stage.DRAINING, says(DRAINED), says(DRAINED, "b")), drain=Drain(DrainReason.REQUESTED, forced=True))
    rolling = replace(runs(READY, generation=3), rolling=True)
    assert written(facts(drained, backend=rolling, rolling_then=True))[1] is Change.COMMIT


def test_zero_set_by_others_is_a_forced_sleep_unless_somebody_waits():
    zero = stopped(generation=5)
    after, what = written(facts(status(Stage.AWAKE), backend=zero))
    assert (what, after.drain) == (Change.FORCE, Drain(DrainReason.SCALED_TO_ZERO, forced=True))
    held = status(Stage.AWAKE, says(BUSY, holding=True))
    assert isinstance(decide(facts(held, backend=zero)), Rest)


def test_zero_means_nothing_where_a_backend_counts_no_generations():
    assert isinstance(decide(facts(status(Stage.AWAKE), backend=stopped())), Rest)


# Statuses that die with their definition


def test_nothing_is_agreed_on_about_what_has_no_record():
    assert decide(facts(None, defined=False, record_dies=True)) == Forget()


def test_the_first_status_keeps_the_count_that_a_target_has():
    after, _ = written(facts(None, backend=replace(runs(READY, generation=2), desired=3)))
    assert (after.replicas, after.generation) == (3, 2)
