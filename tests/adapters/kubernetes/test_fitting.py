"""Definitions that depend on themselves or on nothing: served without that, and told."""

from typing import Any

import pytest

from tests.adapters.kubernetes.wakeservices import raw
from wakedock_operator.adapters.kubernetes.objects import KEEP_AWAKE_UNTIL
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.core.conditions import AcceptedReason
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import Key

A, B, C = Key("team-a", "a"), Key("team-a", "b"), Key("team-a", "c")


def needing(key: Key, *needs: str, version: int = 1, **more: Any) -> dict[str, Any]:
    return raw(key, version, app={"image": "a:1"}, dependsOn=[{"name": name} for name in needs], **more)


@pytest.fixture
async def shelf() -> Shelf:
    return Shelf(lambda _: None)


def entries(shelf: Shelf, *raws: dict[str, Any]) -> dict[Key, Entry]:
    for each in raws:
        shelf.put(each)
    return dict(shelf.snapshot().entries)


async def test_what_fits_is_left_as_it_is(shelf: Shelf):
    found = entries(shelf, needing(A, "b"), needing(B))
    assert [entry.problem for entry in found.values()] == [None, None]
    assert found[A] is shelf.entry(A)


async def test_a_circle_is_served_without_its_dependencies_and_named(shelf: Shelf):
    found = entries(shelf, needing(A, "b"), needing(B, "a"), needing(C, "a"))
    assert [found[key].service.dependencies for key in (A, B, C)] == [(), (), (A,)]
    assert found[A].problem == (
        "spec.dependsOn: the service depends on itself: team-a/a → team-a/b → team-a/a; take one of these out. It is served without its "
        "dependencies"
    )
    assert found[B].problem is not None
    assert found[A].problem_reason is AcceptedReason.SERVED_IN_PART
    assert found[C].problem is None
    found = entries(shelf, needing(B, version=2))
    assert (found[A].service.dependencies, found[A].problem) == ((B,), None)


async def test_a_dependency_that_is_missing_is_named_until_it_is_there(shelf: Shelf):
    found = entries(shelf, needing(A, "b"))
    assert found[A].problem == "spec.dependsOn: there is no service team-a/b; create it, or take it out. It is served without it"
    assert found[A].problem_reason is AcceptedReason.SERVED_IN_PART
    assert entries(shelf, needing(B))[A].problem is None


async def test_readers_see_a_change_only_where_there_is_one(shelf: Shelf):
    before = entries(shelf, needing(A, "b"))
    after = entries(shelf, needing(C))
    assert after[A] is before[A]


async def test_a_mistake_of_its_own_comes_first(shelf: Shelf):
    entries(shelf, needing(A))
    found = entries(shelf, needing(A, "b", version=2, annotations={KEEP_AWAKE_UNTIL: "tomorrow"}))
    assert (found[A].problem_reason, "is not a time" in (found[A].problem or "")) == (AcceptedReason.ANNOTATION_IGNORED, True)
