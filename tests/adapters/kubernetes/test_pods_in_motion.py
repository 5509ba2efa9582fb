"""What is told of pods that start or end, to those who look at them and to those who wait for one; in the time of the loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes.errors import ApiError, Gone, Unavailable
from wakedock_operator.adapters.kubernetes.workloads.documents import Document, status
from wakedock_operator.adapters.kubernetes.workloads.pods_in_motion import AT_ONCE, PACE, UNLOOKED, UNTOLD, Awaited, PodsInMotion
from wakedock_operator.adapters.kubernetes.workloads.seen import Seen
from wakedock_operator.adapters.kubernetes.workloads.settled import ready
from wakedock_operator.adapters.kubernetes.workloads.targets import Target
from wakedock_operator.resource import Key

pytestmark = pytest.mark.looptime(start=1000, noop_cycles=0)

Object = dict[str, Any]
SHOP = Key("team", "shop")
LONG = 4.0


def pod(name: str, *, ip: str = "", is_ready: bool = False, ending: bool = False, phase: str = "Pending", node: bool = True) -> Object:
    metadata = {"name": name, "uid": name} | ({"deletionTimestamp": "2026-03-01T12:00:00Z"} if ending else {})
    conditions = [{"type": "Ready", "status": str(is_ready)}, {"type": "PodScheduled", "status": str(node), "message": "no room"}]
    return {"metadata": metadata, "spec": {}, "status": {"phase": phase, "podIP": ip, "conditions": conditions}}


def addressed(shown: Document) -> bool:
    return bool(status(shown).get("podIP"))


class Server:
    """Lists what it has, and shows what the test says; or is away."""

    def __init__(self, *pods: Object) -> None:
        self.pods = list(pods)
        self.asked: list[tuple[str, str]] = []
        self.watches = 0
        self.away = False
        self._events: asyncio.Queue[tuple[str, Object] | ApiError] = asyncio.Queue()
        self._version = 1

    async def pages(self, path: str, *, labelSelector: str) -> AsyncIterator[tuple[list[Object], str]]:  # noqa: N803 - as the API has it
        self.asked.append((path, labelSelector))
        if self.away:
            raise Unavailable("away")
        yield self.pods, str(self._version)

    async def watch(self, _: str, **__: Any) -> AsyncIterator[tuple[str, Object]]:
        self.watches += 1
        try:
            while True:
                event = await self._events.get()
                if isinstance(event, ApiError):
                    raise event
                yield event
        finally:
            self.watches -= 1

    def show(self, kind: str, shown: Object) -> None:
        self._version += 1
        metadata = shown["metadata"] | {"resourceVersion": str(self._version)}
        self._events.put_nowait((kind, shown | {"metadata": metadata}))

    def forget(self) -> None:
        """What came before is not kept any more: a watch has to begin with a list."""
        self._events.put_nowait(Gone("too old"))


class Stage:
    """Pods of `shop` that a look has shown, and what is announced."""

    def __init__(self, *pods: Object) -> None:
        self.server = Server(*pods)
        self.announced: list[Key] = []
        self.pods = PodsInMotion(self.server, self.announced.append)  # type: ignore[arg-type] # all that it asks of it

    async def looks(self, *pods: Object, settled: bool = True, key: Key = SHOP) -> bool:
        seen = Seen(Target(key.namespace, "apps/v1", "StatefulSet", key.name), {}, 1, pods=pods, selector="app=shop")
        self.pods.follow(key, seen, settled=settled)
        await asyncio.sleep(2 * PACE)
        return self.pods.follow(key, seen, settled=settled)

    async def told(self, kind: str, shown: Object) -> int:
        """How often the workload is announced because of that."""
        before = len(self.announced)
        self.server.show(kind, shown)
        await asyncio.sleep(2 * PACE)
        return len(self.announced) - before

    def waits(self, for_pod: Object, wanted: Callable[[Document], bool], *, seconds: float = LONG) -> "asyncio.Task[Awaited]":
        return asyncio.create_task(self.pods.until(SHOP, for_pod, wanted, seconds=seconds))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    made.pods.close()
    await asyncio.sleep(0.1)
    assert made.server.watches == 0


async def test_what_the_look_has_shown_is_no_news(stage: Stage):
    stage.server.pods = [pod("a")]
    assert await stage.looks(pod("a"))
    assert stage.announced == []
    assert await stage.told("MODIFIED", pod("a", phase="Running")) == 0
    assert stage.server.asked == [("/api/v1/namespaces/team/pods", "app=shop")]


async def test_a_pod_that_came_right_after_the_look_is(stage: Stage):
    stage.server.pods = [pod("a")]
    await stage.looks()
    assert stage.announced == [SHOP]


@pytest.mark.parametrize(
    "kind, shown",
    [
        ("ADDED", pod("b")),
        ("MODIFIED", pod("a", ip="192.0.2.7")),
        ("MODIFIED", pod("a", is_ready=True)),
        ("MODIFIED", pod("a", ending=True)),
        ("MODIFIED", pod("a", phase="Failed")),
        ("MODIFIED", pod("a", node=False)),
        ("DELETED", pod("a")),
    ],
    ids=["new", "address", "ready", "ends", "finished", "unschedulable", "gone"],
)
async def test_what_those_who_look_go_by_is_told_once(stage: Stage, kind: str, shown: Object):
    stage.server.pods = [pod("a")]
    await stage.looks(pod("a"))
    assert await stage.told(kind, shown) == 1
    assert await stage.told(kind, shown) == 0


async def test_of_what_is_not_settled_everything_is_told(stage: Stage):
    stage.server.pods = [pod("a")]
    await stage.looks(pod("a"), settled=False)
    before = len(stage.announced)
    assert await stage.told("MODIFIED", pod("a", phase="Running")) == 1
    await stage.looks(pod("a"), settled=True)
    assert len(stage.announced) == before + 1
    assert await stage.told("MODIFIED", pod("a", phase="Running")) == 0


@pytest.mark.parametrize(
    "wanted, shown", [(addressed, pod("a", ip="192.0.2.7")), (ready, pod("a", is_ready=True))], ids=["address", "ready"]
)
async def test_who_waits_gets_it_and_nobody_needs_to_look(stage: Stage, wanted: Callable[[Document], bool], shown: Object):
    stage.server.pods = [pod("a")]
    await stage.looks(pod("a"))
    waiting = stage.waits(pod("a"), wanted)
    assert await stage.told("MODIFIED", shown) == 0
    assert await waiting is Awaited.MET
    assert wanted(stage.pods.newest(SHOP, pod("a")))


async def test_who_waits_for_what_is_there_waits_no_more(stage: Stage):
    stage.server.pods = [pod("a", ip="192.0.2.7")]
    await stage.looks(pod("a", ip="192.0.2.7"))
    assert await stage.waits(pod("a"), addressed) is Awaited.MET


@pytest.mark.parametrize("kind, shown", [("DELETED", pod("a")), ("MODIFIED", pod("a", ending=True))], ids=["gone", "ends"])
async def test_who_waits_for_what_goes_hears_of_it(stage: Stage, kind: str, shown: Object):
    stage.server.pods = [pod("a")]
    await stage.looks(pod("a"))
    waiting = stage.waits(pod("a"), addressed)
    assert await stage.told(kind, shown) == 1
    assert await waiting is Awaited.GONE
    assert await stage.waits(pod("a"), addressed) is Awaited.GONE


async def test_who_waits_for_one_lets_go_when_another_is_worth_a_look(stage: Stage):
    stage.server.pods = [pod("a"), pod("b")]
    await stage.looks(pod("a"), pod("b"))
    waiting = stage.waits(pod("a"), addressed)
    assert await stage.told("MODIFIED", pod("b", ip="192.0.2.8")) == 1
    assert await waiting is Awaited.NOT_YET


async def test_a_look_that_is_newer_than_the_watch_counts(stage: Stage):
    stage.server.pods = [pod("a")]
    await stage.looks(pod("a"))
    seen = pod("a", ip="192.0.2.7")
    seen["metadata"]["resourceVersion"] = "7"
    await stage.looks(seen)
    assert await stage.waits(seen, addressed) is Awaited.MET
    await stage.told("MODIFIED", pod("a"))  # as it was before that look
    assert await stage.waits(seen, addressed) is Awaited.MET


async def test_a_pod_that_is_younger_than_a_list_is_not_gone(stage: Stage):
    stage.server.pods = []
    followed = asyncio.create_task(stage.looks())
    await stage.looks(pod("b"))  # before the list, which is of an earlier moment, is there
    await followed
    waiting = stage.waits(pod("b"), addressed)
    await stage.told("ADDED", pod("b", ip="192.0.2.8"))
    assert await waiting is Awaited.MET


async def test_nobody_waits_for_longer_than_asked(stage: Stage):
    stage.server.pods = [pod("a")]
    await stage.looks(pod("a"))
    began = asyncio.get_running_loop().time()
    assert await stage.waits(pod("a"), addressed, seconds=0.5) is Awaited.NOT_YET
    assert asyncio.get_running_loop().time() - began == pytest.approx(0.5)


async def test_where_nobody_would_tell_what_a_look_has_shown_is_all_there_is(stage: Stage):
    assert await stage.waits(pod("a", ip="192.0.2.7"), addressed) is Awaited.MET
    began = asyncio.get_running_loop().time()
    assert await stage.waits(pod("a"), addressed) is Awaited.NOT_YET
    assert asyncio.get_running_loop().time() - began == pytest.approx(UNTOLD)


async def test_who_waits_while_the_watch_is_given_up_lets_go(stage: Stage):
    stage.server.pods = [pod("a")]
    await stage.looks(pod("a"))
    waiting = stage.waits(pod("a"), addressed)
    await asyncio.sleep(0.1)
    stage.pods.leave(SHOP)
    await asyncio.sleep(0.1)
    assert waiting.done()
    assert stage.server.watches == 0


async def test_an_api_server_that_was_away_shows_what_it_missed(stage: Stage):
    stage.server.pods = [pod("a"), pod("b")]
    await stage.looks(pod("a"), pod("b"))
    stage.server.away = True
    stage.server.forget()
    waiting = stage.waits(pod("a"), addressed)
    await asyncio.sleep(3)
    assert not waiting.done()
    stage.server.pods = [pod("a", ip="192.0.2.7")]
    stage.server.away = False
    assert await waiting is Awaited.MET
    assert stage.announced == [SHOP]  # for the one that is gone
    assert await stage.waits(pod("b"), addressed) is Awaited.GONE


async def test_what_happens_in_a_burst_is_told_at_once_and_once_more(stage: Stage):
    stage.server.pods = []
    await stage.looks()
    for number in range(20):
        stage.server.show("ADDED", pod(str(number)))
        await asyncio.sleep(PACE / 100)
    assert len(stage.announced) == 1
    await asyncio.sleep(2 * PACE)
    assert len(stage.announced) == 2


async def test_it_tells_from_its_first_list_on_and_as_long_as_it_is_answered(stage: Stage):
    seen = Seen(Target("team", "apps/v1", "StatefulSet", "shop"), {}, 1, selector="app=shop")
    assert not stage.pods.follow(SHOP, seen, settled=True)
    await asyncio.sleep(0.1)
    assert stage.pods.follow(SHOP, seen, settled=True)
    stage.server.away = True
    stage.server.forget()
    await asyncio.sleep(1)
    assert not stage.pods.follow(SHOP, seen, settled=True)
    stage.server.away = False
    await asyncio.sleep(1)
    assert stage.pods.follow(SHOP, seen, settled=True)


async def test_what_nobody_looks_at_any_more_is_not_followed_for_long(stage: Stage):
    stage.server.pods = [pod("a")]
    await stage.looks(pod("a"))
    await asyncio.sleep(UNLOOKED - 0.5)
    await stage.looks(pod("a"))
    await asyncio.sleep(UNLOOKED - 0.5)
    assert stage.server.watches == 1
    await asyncio.sleep(1)
    assert stage.server.watches == 0
    assert await stage.looks(pod("a"))
    assert stage.server.watches == 1


async def test_no_more_are_followed_at_once_than_there_are_connections_for(stage: Stage):
    keys = [Key("team", str(number)) for number in range(AT_ONCE)]
    assert all(await asyncio.gather(*(stage.looks(key=key) for key in keys)))
    assert not await stage.looks()
    assert await stage.looks(key=keys[0])
    stage.pods.leave(keys[0])
    assert await stage.looks()


async def test_pods_that_no_selector_finds_are_not_followed(stage: Stage):
    seen = Seen(Target("team", "example.org/v1", "Shop", "shop"), {}, 1)
    assert not stage.pods.follow(SHOP, seen, settled=True)
