"""Who only looks takes the operator's word for what is not served."""

from typing import Any

import pytest

from tests.adapters.kubernetes.wakeservices import raw
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.resource import Key

WIKI = Key("team-a", "wiki")
APP: dict[str, Any] = {"app": {"image": "wiki:1"}}
WHY = "spec.hosts: wiki.test is not allowed in the namespace team-a"


def told(version: int, *, status: str = "False", reason: str = "Invalid", generation: int | None = None) -> dict[str, Any]:
    """One whose `Accepted` says so of that generation."""
    shown = raw(WIKI, version, **APP)
    condition = {"type": "Accepted", "status": status, "reason": reason, "message": WHY}
    return shown | {"status": {"conditions": [condition | {"observedGeneration": generation or version}]}}


@pytest.fixture
async def shelf() -> Shelf:
    return Shelf(lambda _: None, heeds_conditions=True)


def problems(shelf: Shelf) -> list[str]:
    return [each.message for each in shelf.snapshot().problems]


async def test_what_the_operator_refused_is_not_served_and_says_why(shelf: Shelf):
    shelf.put(told(1))
    assert (shelf.entry(WIKI), problems(shelf)) == (None, [f"team-a/wiki: {WHY}"])


async def test_a_word_that_comes_later_counts_from_then_on(shelf: Shelf):
    shelf.put(raw(WIKI, 1, **APP))
    assert shelf.snapshot().entries.keys() == {WIKI}
    late = told(2, generation=1)
    late["metadata"]["generation"] = 1
    shelf.put(late)
    assert (shelf.entry(WIKI), problems(shelf)) == (None, [f"team-a/wiki: {WHY}"])


@pytest.mark.parametrize(
    "shown",
    [told(2, generation=1), told(2, status="True", reason="Accepted"), told(2, reason="KeptLastGood")],
    ids=["an older definition", "accepted", "the last good one is served"],
)
async def test_any_other_word_refuses_nothing(shelf: Shelf, shown: dict[str, Any]):
    shelf.put(told(1))
    shelf.put(shown)
    assert shelf.snapshot().entries.keys() == {WIKI}
    assert not problems(shelf)


@pytest.mark.parametrize("conditions", [None, "no", [None], [{}]], ids=repr)
async def test_conditions_that_cannot_be_read_refuse_nothing(shelf: Shelf, conditions: Any):
    shelf.put(raw(WIKI, 1, **APP) | {"status": {"conditions": conditions}})
    assert shelf.snapshot().entries.keys() == {WIKI}


async def test_the_operator_decides_anew_whatever_it_once_wrote():
    shelf = Shelf(lambda _: None)
    shelf.put(told(1))
    assert shelf.snapshot().entries.keys() == {WIKI}
