from tests.core.situations import ENDING, READY, runs, says, status
from wakedock_operator.core.lifecycle import Stage
from wakedock_operator.core.status import ReportKind


def test_what_terminates_is_not_live():
    seen = runs(ENDING, READY)
    assert seen.live == (READY,)
    assert seen.terminating
    assert not runs(READY).terminating


def test_an_instance_that_the_intent_names_is_terminating_before_any_signal_reached_it():
    seen = runs(READY).under(status(Stage.ASLEEP, stop=("one",)))
    assert not seen.live
    assert seen.terminating
    assert not seen.settled


def test_an_intent_whose_instances_are_gone_changes_nothing():
    seen = runs(READY)
    assert seen.under(status(Stage.ASLEEP, stop=("old",))) is seen
    assert seen.under(status(Stage.ASLEEP)) is seen


def test_a_report_replaces_the_gateways_own_entry_and_no_other():
    before = status(Stage.AWAKE, says(ReportKind.IDLE), says(ReportKind.BUSY, "b"))
    after = before.with_report(says(ReportKind.BUSY))
    assert {r.gateway: r.kind for r in after.gateways} == {"a": ReportKind.BUSY, "b": ReportKind.BUSY}
    assert after.entry_of("c") is None
