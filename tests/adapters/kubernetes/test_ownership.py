"""One workload, one WakeService: the first that named it."""

from typing import Any

import pytest

from tests.adapters.kubernetes.wakeservices import raw
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.resource import Key

FIRST, SECOND = Key("team-a", "wiki"), Key("team-a", "docs")


def target(name: str = "wiki", kind: str = "Deployment", api_version: str = "apps/v1") -> dict[str, Any]:
    return {"targetRef": {"apiVersion": api_version, "kind": kind, "name": name}}


@pytest.fixture
async def shelf() -> Shelf:
    return Shelf(lambda _: None)


@pytest.mark.parametrize("arrival", [(0, 1), (1, 0)], ids=["the first first", "the second first"])
async def test_the_first_is_served_in_whatever_order_they_are_read(shelf: Shelf, arrival: tuple[int, int]):
    both = [raw(FIRST, 1, created=1, **target()), raw(SECOND, 2, created=2, **target())]
    for each in arrival:
        shelf.put(both[each])
    assert shelf.snapshot().entries.keys() == {FIRST}
    assert shelf.entry(SECOND) is None
    (refused,) = shelf.refused()
    assert refused.key == SECOND
    assert refused.problem == (
        "spec.targetRef: Deployment wiki belongs to the WakeService wiki, which was first; a workload has one WakeService: give that "
        "one all of its hosts"
    )


async def test_a_target_that_an_app_makes_belongs_to_the_app(shelf: Shelf):
    shelf.put(raw(FIRST, 1, created=1, app={"image": "wiki:1"}))
    shelf.put(raw(SECOND, 2, created=2, **target()))
    assert shelf.snapshot().entries.keys() == {FIRST}


async def test_an_app_whose_deployment_somebody_has_is_refused_at_its_field(shelf: Shelf):
    shelf.put(raw(SECOND, 1, created=1, **target()))
    shelf.put(raw(FIRST, 2, created=2, app={"image": "wiki:1"}))
    assert [(seen.problem or "").partition(":")[0] for seen in shelf.refused()] == ["spec.app"]


@pytest.mark.parametrize(
    "other",
    [
        raw(SECOND, 2, created=2, **target("docs")),
        raw(SECOND, 2, created=2, **target(kind="StatefulSet")),
        raw(Key("team-b", "docs"), 2, created=2, **target()),
        raw(SECOND, 2, created=2, **target(api_version="example.org/v1")),
    ],
    ids=["another name", "another kind", "another namespace", "another group"],
)
async def test_different_workloads_do_not_meet(shelf: Shelf, other: dict[str, Any]):
    shelf.put(raw(FIRST, 1, created=1, **target()))
    shelf.put(other)
    assert len(shelf.snapshot().entries) == 2
    assert not list(shelf.refused())


async def test_when_the_first_goes_the_second_is_served(shelf: Shelf):
    first = raw(FIRST, 1, created=1, **target())
    shelf.put(first)
    shelf.put(raw(SECOND, 2, created=2, **target()))
    shelf.drop(first)
    assert shelf.snapshot().entries.keys() == {SECOND}
    assert not list(shelf.refused())


async def test_what_is_refused_has_no_status_that_counts(shelf: Shelf):
    shelf.put(raw(FIRST, 1, created=1, **target()))
    shelf.put(raw(SECOND, 2, created=2, **target()) | {"status": {"serving": "Awake", "epoch": 3, "since": "2026-01-01T00:00:00Z"}})
    assert shelf.status(SECOND) is None
    assert shelf.keys() == frozenset()


async def test_one_that_changes_to_a_workload_of_its_own_is_served(shelf: Shelf):
    shelf.put(raw(FIRST, 1, created=1, app={"image": "wiki:1"}))
    shelf.put(raw(SECOND, 2, created=2, **target()))
    shelf.put(raw(SECOND, 3, created=2, **target("docs")))
    assert shelf.snapshot().entries.keys() == {FIRST, SECOND}
