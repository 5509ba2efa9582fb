from itertools import product

import pytest

from tests.core.situations import DRAINS, EPOCH, FORCED_DRAIN, IDLE_DRAIN, NOW, says, status
from wakedock_operator.core.lifecycle import SERVING, TABLE, Change, IllegalChange, Stage, change, initial, stage_of
from wakedock_operator.core.status import Asker, Drain, DrainReason, Report, ReportKind, Serving, StopIntent, WakeReason

LATER = NOW.replace(hour=13)
EVERY = list(product(Stage, Change))
NEW_DRAIN = {Change.DRAIN: IDLE_DRAIN, Change.FORCE: FORCED_DRAIN, Change.GIVE_UP: FORCED_DRAIN}


@pytest.mark.parametrize("stage", Stage)
def test_each_stage_is_recognised(stage: Stage):
    assert stage_of(status(stage)) is stage


@pytest.mark.parametrize("stage, what", [pair for pair in EVERY if pair in TABLE])
def test_a_change_of_the_table_leads_where_it_says(stage: Stage, what: Change):
    after = change(status(stage), what, now=LATER, drain=NEW_DRAIN.get(what))
    assert stage_of(after) is TABLE[stage, what]
    assert after.serving is SERVING[TABLE[stage, what]]
    assert after.epoch == EPOCH + 1
    assert after.since == LATER


@pytest.mark.parametrize("stage, what", [pair for pair in EVERY if pair not in TABLE])
def test_any_other_change_is_a_mistake_in_the_rules(stage: Stage, what: Change):
    with pytest.raises(IllegalChange, match=f"{what} is not possible from"):
        change(status(stage), what, now=NOW)


@pytest.mark.parametrize("stage, what", [pair for pair in EVERY if pair in TABLE])
def test_a_change_keeps_the_reports_which_are_void_by_their_epoch(stage: Stage, what: Change):
    after = change(status(stage, says(ReportKind.BUSY)), what, now=NOW, drain=NEW_DRAIN.get(what))
    assert after.gateways == (says(ReportKind.BUSY),)
    assert after.report_of("a") is None


def test_waking_clears_the_drain_the_intent_and_the_failures_and_names_who_asked():
    asker = Asker(NOW, method="GET", host="app.test", path="/")
    stale = Report("a", ReportKind.BUSY, EPOCH - 1, asker=Asker(NOW, path="/stale"))
    asked = Report("b", ReportKind.BUSY, EPOCH, asker=asker)
    asleep = status(Stage.ASLEEP, stale, asked, stop=("one",), failures=2, failed="one")
    after = change(asleep, Change.WAKE, now=NOW, woken_by=WakeReason.REQUEST)
    assert (after.drain, after.stop, after.failures, after.failed) == (None, None, 0, "")
    assert (after.woken_by, after.asker) == (WakeReason.REQUEST, asker)


def test_falling_asleep_keeps_the_drain_as_the_reason_and_records_the_intent():
    after = change(status(Stage.FORCED), Change.COMMIT, now=NOW, stop=StopIntent(("one",)))
    assert after.drain == DRAINS[Stage.FORCED]
    assert after.stop == StopIntent(("one",))


def test_giving_up_a_start_replaces_the_drain_and_drops_the_intent():
    drain = Drain(DrainReason.START_FAILED, forced=True, backoff=4.0)
    after = change(status(Stage.ASLEEP, stop=("one",)), Change.GIVE_UP, now=NOW, drain=drain)
    assert (after.drain, after.stop) == (drain, None)


def test_the_first_status_of_a_workload_that_is_to_run_is_awake():
    first = initial(uid="uid", desired=2, now=NOW)
    assert (first.serving, first.epoch, first.woken_by) == (Serving.AWAKE, 0, WakeReason.ADOPTED)


def test_the_first_status_of_any_other_workload_is_asleep():
    first = initial(uid="uid", desired=0, now=NOW, drain=FORCED_DRAIN)
    assert (first.serving, first.epoch, first.woken_by, first.drain) == (Serving.ASLEEP, 0, None, FORCED_DRAIN)


@pytest.mark.parametrize(
    "stage, drain, leaving",
    [
        (Stage.AWAKE, None, False),
        (Stage.AWAKE, FORCED_DRAIN, True),
        (Stage.DRAINING, IDLE_DRAIN, False),
        (Stage.FORCED, FORCED_DRAIN, True),
        (Stage.FORCED, Drain(DrainReason.START_FAILED, forced=True), False),
        (Stage.ASLEEP, FORCED_DRAIN, False),
    ],
)
def test_a_service_is_leaving_from_when_a_forced_sleep_is_due_until_it_sleeps(stage: Stage, drain: Drain | None, leaving: bool):
    assert status(stage, drain=drain).leaving is leaving
