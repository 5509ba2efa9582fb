"""What is read of a WakeService, and what of it cannot be."""

from typing import Any

import pytest

from tests.adapters.kubernetes.wakeservices import raw
from wakedock_operator.adapters.kubernetes.objects import KEEP_AWAKE_UNTIL, Seen, read_object
from wakedock_operator.core.conditions import AcceptedReason
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import Key, WakeService

WIKI = Key("team-a", "wiki")
APP: dict[str, Any] = {"app": {"image": "wiki:1"}}
PINNED = {KEEP_AWAKE_UNTIL: "2026-03-01T18:00:00Z"}
UNREADABLE = {KEEP_AWAKE_UNTIL: "tomorrow"}


def anything(_: WakeService) -> None:
    return None


def entry_of(seen: Seen) -> Entry:
    assert seen.entry is not None
    return seen.entry


def test_what_did_not_change_is_the_same_object():
    first = read_object(raw(WIKI, **APP), None, anything)
    again = raw(WIKI, **APP)
    again["metadata"]["resourceVersion"] = "7"
    second = read_object(again, first, anything)
    assert (second.entry, second.version) == (first.entry, 7)
    assert second.entry is first.entry


@pytest.mark.parametrize("before", [{}, PINNED], ids=["no pin before", "a pin before"])
def test_a_pin_that_cannot_be_read_is_told_and_changes_nothing_else(before: dict[str, str]):
    first = read_object(raw(WIKI, annotations=before, **APP), None, anything)
    second = entry_of(read_object(raw(WIKI, annotations=UNREADABLE, **APP), first, anything))
    assert (second.problem_reason, second.wishes.keep_awake_until) == (AcceptedReason.ANNOTATION_IGNORED, None)
    assert second.problem == f"metadata.annotations[{KEEP_AWAKE_UNTIL}]: 'tomorrow' is not a time: write it as '2026-03-01T18:00:00Z'"
    assert second.service is entry_of(first).service


def test_a_corrected_pin_is_no_problem_any_more():
    first = read_object(raw(WIKI, annotations=UNREADABLE, **APP), None, anything)
    second = entry_of(read_object(raw(WIKI, annotations=PINNED, **APP), first, anything))
    assert (second.problem, second.wishes.keep_awake_until is None) == (None, False)


def test_a_broken_definition_keeps_the_last_good_one_and_is_the_first_to_be_told():
    first = read_object(raw(WIKI, annotations=UNREADABLE, **APP), None, anything)
    second = entry_of(read_object(raw(WIKI, 2, annotations=UNREADABLE, idleTimeout="soon", **APP), first, anything))
    assert second.problem_reason is AcceptedReason.KEPT_LAST_GOOD
    assert "spec.idleTimeout" in (second.problem or "")
    assert second.service is entry_of(first).service
