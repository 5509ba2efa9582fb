"""The shelf, fed by one watch for each namespace that is served."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from tests.adapters.kubernetes.wakeservices import raw
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.resource import Key

WIKI, DOCS, SHOP = Key("team-a", "wiki"), Key("team-a", "docs"), Key("team-b", "shop")
APP: dict[str, Any] = {"app": {"image": "web:1"}}


@pytest.fixture
async def shelf() -> Shelf:
    return Shelf(lambda _: None)


def listed(shelf: Shelf, namespace: str, keys: Iterable[Key]) -> None:
    shelf.replace_in(namespace, [raw(key, **APP) for key in keys], of=2)


async def test_everything_is_known_after_the_first_list_of_each(shelf: Shelf):
    listed(shelf, "team-a", [WIKI])
    listed(shelf, "team-a", [WIKI])
    assert not shelf.synced.is_set()
    assert shelf.snapshot().unreadable == ("the API server",)
    listed(shelf, "team-b", [])
    assert shelf.synced.is_set()
    assert shelf.snapshot().unreadable == ()


async def test_a_list_ends_what_is_missing_in_its_own_namespace_alone(shelf: Shelf):
    listed(shelf, "team-a", [WIKI, DOCS])
    listed(shelf, "team-b", [SHOP])
    listed(shelf, "team-a", [DOCS])
    assert shelf.snapshot().entries.keys() == {DOCS, SHOP}
    listed(shelf, "team-b", [])
    assert shelf.snapshot().entries.keys() == {DOCS}


async def told(shelf: Shelf) -> dict[str, int]:
    async with asyncio.timeout(5):
        async for _ in shelf.definitions.follow([None]):
            if shelf.told == shelf.snapshot().versions:
                return dict(shelf.told)
    raise AssertionError


async def test_each_namespace_is_known_as_far_as_its_own_watch_has_shown(shelf: Shelf):
    listed(shelf, "team-a", [WIKI])
    listed(shelf, "team-b", [])
    shelf.put(raw(WIKI, 9, app={"image": "web:2"}))
    shelf.put(raw(SHOP, 7, app={"image": "web:1"}))
    assert await told(shelf) == {"team-a": 9, "team-b": 7}


async def test_the_answer_to_an_own_write_says_nothing_about_what_others_wrote_before(shelf: Shelf):
    shelf.put(raw(WIKI, 3, app={"image": "web:1"}))
    written = raw(WIKI, 9, app={"image": "web:1"}, annotations={"wakedock.dev/wake": "now"})
    shelf.learn(written)
    assert await told(shelf) == {"team-a": 3}
    shelf.put(raw(DOCS, 8, app={"image": "web:1"}))
    assert await told(shelf) == {"team-a": 8}
    shelf.put(written)
    assert shelf.told == {"team-a": 9}
