from tests.core.situations import ENDING, READY, runs, says, status
from wakedock_operator.core.lifecycle import Stage
from wakedock_operator.core.observation import Instance
from wakedock_operator.core.status import ReportKind

STARTING_WITHOUT = Instance("two", "")


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


def test_an_address_that_is_found_out_later_is_that_of_one_instance():
    assert [each.address for each in runs(READY, STARTING_WITHOUT).at("two", "127.0.0.1:2").live] == [READY.address, "127.0.0.1:2"]


def test_a_report_replaces_the_gateways_own_entry_and_no_other():
    before = status(Stage.AWAKE, says(ReportKind.IDLE), says(ReportKind.BUSY, "b"))
    after = before.with_report(says(ReportKind.BUSY))
    assert {r.gateway: r.kind for r in after.gateways} == {"a": ReportKind.BUSY, "b": ReportKind.BUSY}
    assert after.entry_of("c") is None
