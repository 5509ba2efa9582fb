"""A watch that is dead without a word makes the operator unwell; what was deleted behind its back is forgotten."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes.errors import ApiError, NotFound, Unavailable
from wakedock_operator.adapters.kubernetes.heard import Heard
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.sweep import INTERVAL, STALE, Sweep, Watched
from wakedock_operator.cli.operator_watches import health

SERVICES = "/apis/wakedock.dev/v1alpha1/wakeservices"
DEPLOYMENTS = "/apis/apps/v1/deployments"


def shown(uid: str, version: int) -> dict[str, Any]:
    return {"metadata": {"uid": uid, "resourceVersion": str(version)}}


class Server:
    """Objects by path and uid, and what is asked in vain."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, int]] = {SERVICES: {}, DEPLOYMENTS: {}}
        self.refusals: dict[str, ApiError] = {}
        self.selectors: list[str] = []

    async def get(self, path: str) -> dict[str, Any]:
        if path not in {"/apis/apps", "/apis/wakedock.dev"}:
            raise NotFound(path)
        group = path.removeprefix("/apis/")
        return {"preferredVersion": {"groupVersion": f"{group}/{'v1' if group == 'apps' else 'v1alpha1'}"}}

    async def metadata_pages(self, path: str, *, labelSelector: str = "") -> AsyncIterator[tuple[list[dict[str, Any]], str]]:  # noqa: N803
        self.selectors.append(labelSelector)
        if path in self.refusals:
            raise self.refusals[path]
        for uid, version in self.objects[path].items():
            yield [shown(uid, version)], "1000"


class Operator:
    """What hears two kinds, in a time of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.server = Server()
        self.services, self.deployments = Heard(self.monotonic), Heard(self.monotonic)
        watches = (
            self.watched("wakeservices", "wakeservices.wakedock.dev", self.services),
            self.watched("deployments.apps", "deployments.apps"),
        )
        self.sweep = Sweep(self.server, watches, monotonic=self.monotonic)  # type: ignore[arg-type] # all that it asks of it

    def monotonic(self) -> float:
        return self.now

    def watched(self, name: str, resource: str, heard: Heard | None = None) -> Watched:
        heard = heard or self.deployments
        return Watched(name, resource, heard.version, known=heard.uids, forget=heard.forget)

    async def look(self, after: float = INTERVAL) -> tuple[str, ...]:
        self.now += after
        await self.sweep.once()
        return self.sweep.stale


@pytest.fixture
def operator() -> Operator:
    return Operator()


async def test_a_watch_that_shows_everything_is_well(operator: Operator):
    operator.server.objects[SERVICES] = {"a": 5}
    operator.services.saw(shown("a", 5))
    assert [await operator.look(), await operator.look()] == [(), ()]


@pytest.mark.parametrize("path, name", [(SERVICES, "wakeservices"), (DEPLOYMENTS, "deployments.apps")])
async def test_a_change_that_is_not_shown_by_the_next_look_makes_that_kind_stale(operator: Operator, path: str, name: str):
    operator.server.objects[path] = {"a": 5}
    assert await operator.look() == ()
    assert await operator.look() == (name,)


async def test_events_of_another_kind_do_not_hide_a_dead_watch(operator: Operator):
    operator.server.objects = {SERVICES: {"a": 5}, DEPLOYMENTS: {"b": 6}}
    await operator.look()
    operator.deployments.saw(shown("b", 6))
    assert await operator.look() == ("wakeservices",)


async def test_a_change_has_its_time_to_be_shown(operator: Operator):
    operator.server.objects[SERVICES] = {"a": 5}
    assert 10 <= STALE < INTERVAL
    assert [await operator.look(), await operator.look(STALE - 1), await operator.look(2)] == [(), (), ("wakeservices",)]


async def test_a_watch_that_catches_up_is_well_again(operator: Operator):
    operator.server.objects[SERVICES] = {"a": 5}
    await operator.look()
    await operator.look()
    operator.services.saw(shown("a", 5))
    assert await operator.look() == ()


async def test_what_changes_all_the_time_and_is_shown_a_moment_later_is_not_stale(operator: Operator):
    looks = []
    for version in range(10, 20):
        operator.server.objects[SERVICES] = {"a": version}
        operator.services.saw(shown("a", version - 1))
        looks.append(await operator.look())
    assert looks == [()] * 10


async def test_while_the_api_server_is_away_nothing_is_stale(operator: Operator):
    operator.server.objects[SERVICES] = {"a": 5}
    await operator.look()
    operator.server.refusals = {SERVICES: Unavailable("away"), DEPLOYMENTS: Unavailable("away")}
    assert [await operator.look(), await operator.look()] == [(), ()]
    operator.server.refusals = {}
    assert await operator.look() == ()  # the watch has its time, from the return on
    assert await operator.look() == ("wakeservices",)


async def test_one_kind_that_cannot_be_listed_does_not_keep_the_others_from_being_looked_at(operator: Operator):
    operator.server.refusals = {SERVICES: Unavailable("away")}
    operator.server.objects[DEPLOYMENTS] = {"b": 6}
    await operator.look()
    assert await operator.look() == ("deployments.apps",)


async def test_a_kind_that_the_cluster_does_not_have_is_not_missed():
    operator = Operator()
    watches = (operator.watched("boxes.example.com", "boxes.example.com"), operator.watched("deployments.apps", "deployments.apps"))
    operator.sweep = Sweep(operator.server, watches, monotonic=operator.monotonic)  # type: ignore[arg-type]
    operator.server.objects[DEPLOYMENTS] = {"b": 6}
    await operator.look()
    assert await operator.look() == ("deployments.apps",)


@pytest.mark.parametrize("api_version", ["wakedock.dev/v1alpha1", ""])
async def test_what_went_with_its_definition_is_forgotten_where_that_is_certain(operator: Operator, api_version: str):
    """The groups of an API server that has just started may not be complete."""
    operator.services.saw(shown("a", 5))
    resource = "wakeservices" if api_version else "wakeservices.example.com"
    heard = operator.services
    watched = Watched("wakeservices", resource, heard.version, known=heard.uids, forget=heard.forget, api_version=api_version)
    operator.sweep = Sweep(operator.server, (watched,), monotonic=operator.monotonic)  # type: ignore[arg-type]
    operator.server.refusals = {SERVICES: NotFound(SERVICES)}
    assert await operator.look() == ()
    assert operator.services.uids() == (set() if api_version else {"a"})


async def test_what_was_deleted_while_the_watch_was_broken_is_forgotten(operator: Operator):
    operator.server.objects[SERVICES] = {"a": 5}
    operator.services.saw(shown("a", 5))
    operator.services.saw(shown("gone", 4))
    await operator.look()
    assert operator.services.uids() == {"a"}


async def test_what_is_named_by_labels_is_listed_by_them(operator: Operator):
    operator.server.objects["/api/v1/namespaces/wakedock/pods"] = {"p": 7}
    pods = Watched("pods", "pods", lambda _: 7, ("wakedock",), selector="a=b")
    operator.sweep = Sweep(operator.server, (pods,), monotonic=operator.monotonic)  # type: ignore[arg-type]
    assert [await operator.look(), await operator.look()] == [(), ()]
    assert operator.server.selectors == ["a=b", "a=b"]


async def test_the_probe_fails_and_names_each_kind_whose_watch_is_stale(operator: Operator):
    shelf = Shelf(lambda _: None)
    waiting = health(operator.sweep, shelf)
    assert (waiting.live, waiting.ready) == (True, False)
    shelf.replace_all([])
    assert health(operator.sweep, shelf).ready
    operator.server.objects[DEPLOYMENTS] = {"b": 6}
    await operator.look()
    await operator.look()
    failing = health(operator.sweep, shelf)
    assert (failing.live, failing.ready) == (False, False)
    assert failing.reasons == ("the watch of deployments.apps is stale while the API server answers",)


def test_a_watch_ages_from_what_it_heard_itself():
    now = 10.0
    heard = Heard(lambda: now)
    now = 20.0
    heard.saw(shown("a", 5))
    now = 30.0
    heard.forget(["a"])
    assert (heard.last, heard.version("a")) == (20.0, 0)
    heard.saw(shown("a", 6), gone=True)
    assert (heard.last, [*heard.uids()]) == (30.0, [])
