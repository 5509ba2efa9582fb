"""List, then watch, through everything that an API server does to its clients; in the time of the loop."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes import watching
from wakedock_operator.adapters.kubernetes.errors import ApiError, Forbidden, Gone, Unavailable
from wakedock_operator.adapters.kubernetes.watching import FIRST_PAUSE, LONGEST_PAUSE, Watching

pytestmark = pytest.mark.looptime(start=1000, noop_cycles=0)

LONG = 1e6
Raw = dict[str, Any]
Told = tuple[str, Raw] | ApiError | float
"""An event, an end by this error, or seconds without a word."""


def shown(uid: str, version: int) -> Raw:
    return {"metadata": {"uid": uid, "resourceVersion": str(version)}}


class Server:
    """Answers each list and each watch as the test has it; what comes after the last one says nothing for ever."""

    def __init__(self, lists: Sequence[Sequence[Raw] | ApiError] = (), watches: Sequence[Sequence[Told]] = ()) -> None:
        self.lists, self.watches = [*lists], [*watches]
        self.asked: list[tuple[float, str]] = []
        """When a list, or a watch from which version on, was asked for; seconds since the beginning."""
        self.began = asyncio.get_running_loop().time()

    def note(self, what: str) -> None:
        self.asked.append((asyncio.get_running_loop().time() - self.began, what))

    async def pages(self, path: str) -> AsyncIterator[tuple[list[Raw], str]]:
        self.note("list")
        found = self.lists.pop(0) if self.lists else []
        if isinstance(found, ApiError):
            raise found
        for each in found:
            yield [each], "100"
        yield [], "100"

    async def watch(self, path: str, *, version: str, seconds: int) -> AsyncIterator[tuple[str, Raw]]:
        self.note(version)
        for each in self.watches.pop(0) if self.watches else [LONG]:
            if isinstance(each, ApiError):
                raise each
            if isinstance(each, float):
                await asyncio.sleep(each)
            else:
                yield each

    @property
    def order(self) -> list[str]:
        return [what for _, what in self.asked]

    @property
    def pauses(self) -> list[float]:
        moments = [moment for moment, _ in self.asked]
        return [round(later - earlier, 6) for earlier, later in pairwise(moments)]


class Reader:
    """What becomes known through the watch, and what was told."""

    def __init__(self, server: Any) -> None:
        self.known: dict[str, int] = {}
        self.told: list[str] = []
        self.watching: Watching[Raw] = Watching(server, "/things", put=self.put, drop=self.drop, replace_all=self.replace_all)

    def put(self, raw: Raw) -> None:
        self.told.append(f"put {raw['metadata']['uid']}")
        self.known[raw["metadata"]["uid"]] = int(raw["metadata"]["resourceVersion"])

    def drop(self, raw: Raw) -> None:
        self.told.append(f"drop {raw['metadata']['uid']}")
        del self.known[raw["metadata"]["uid"]]

    def replace_all(self, raws: Any) -> None:
        self.told.append("all")
        self.known = {raw["metadata"]["uid"]: int(raw["metadata"]["resourceVersion"]) for raw in raws}


@asynccontextmanager
async def reading(server: Any, *, seconds: float) -> AsyncIterator[Reader]:
    """Follow for so long."""
    reader = Reader(server)
    following = asyncio.create_task(reader.watching.run())
    await asyncio.sleep(seconds)
    assert not following.done()
    yield reader
    following.cancel()
    await asyncio.wait({following})


@pytest.fixture
def latest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance has every pause as long as it may be."""
    monkeypatch.setattr(random, "uniform", lambda least, most: most)


async def test_what_is_listed_and_what_happens_then_is_known():
    events: list[Told] = [("ADDED", shown("b", 101)), ("MODIFIED", shown("a", 102)), ("DELETED", shown("b", 103)), LONG]
    server = Server([[shown("a", 50)]], [events])
    async with reading(server, seconds=10) as reader:
        assert reader.known == {"a": 102}
        assert reader.told == ["all", "put b", "put a", "drop b"]
        assert reader.watching.synced.is_set()
        assert server.order == ["list", "100"]


async def test_a_bookmark_tells_nothing_but_from_where_the_next_watch_goes_on():
    server = Server([[shown("a", 50)]], [[("BOOKMARK", shown("", 900))]])
    async with reading(server, seconds=10) as reader:
        assert (reader.told, reader.watching.shown) == (["all"], 900)
        assert server.order == ["list", "100", "900"]


async def test_a_watch_that_ends_in_good_order_goes_on_from_the_last_event_at_once():
    server = Server(watches=[[240.0, ("ADDED", shown("a", 101))]])
    async with reading(server, seconds=250):
        assert server.asked == [(0.0, "list"), (0.0, "100"), (240.0, "101")]


@pytest.mark.parametrize(
    "watches",
    [[[Gone("too old")]], [[("ADDED", shown("b", 101)), Gone("too old")]]],
    ids=["as the answer", "in the middle of the stream"],
)
async def test_a_version_that_is_kept_no_more_is_answered_with_a_new_list(watches: list[list[Told]]):
    server = Server([[shown("a", 50)], [shown("c", 70)]], watches)
    async with reading(server, seconds=10) as reader:
        assert server.order == ["list", "100", "list", "100"]
        assert reader.known == {"c": 70}


async def test_a_list_that_went_out_of_date_between_its_pages_is_begun_anew():
    server = Server([Gone("continue token expired"), [shown("a", 50)]])
    async with reading(server, seconds=10) as reader:
        assert server.order == ["list", "list", "100"]
        assert reader.known == {"a": 50}


@pytest.mark.parametrize("error", [Unavailable("away"), Forbidden("not read the roles yet")], ids=["away", "refused"])
async def test_a_watch_that_breaks_off_goes_on_where_it_was_and_drops_nothing(error: ApiError):
    server = Server([[shown("a", 50)]], [[("ADDED", shown("b", 101)), error], [error]])
    async with reading(server, seconds=10) as reader:
        assert server.order == ["list", "100", "101", "101"]
        assert reader.known == {"a": 50, "b": 101}


async def test_before_the_first_list_nothing_is_said_to_be_known():
    async with reading(Server([Unavailable("away")] * 1000), seconds=10) as reader:
        assert reader.told == []
        assert not reader.watching.synced.is_set()
        assert reader.watching.shown == 0


GROWING = [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
FAULTS: dict[str, Callable[[], Server]] = {
    "no answer": lambda: Server([Unavailable("away")] * 7),
    "a version that is always gone": lambda: Server([Gone("gone")] * 7),
    "a watch that is refused": lambda: Server([[shown("a", 50)]], [[Unavailable("away")]] * 7),
    "a watch that ends at once": lambda: Server([[shown("a", 50)]], [[]] * 7),
}


@pytest.mark.usefixtures("latest")
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_pauses_double_up_to_their_cap_while_there_is(fault: str):
    server = FAULTS[fault]()
    async with reading(server, seconds=60):
        pauses = [pause for pause in server.pauses if pause]
        assert pauses[:6] == pytest.approx(GROWING)


@pytest.mark.usefixtures("latest")
async def test_lists_whose_version_is_gone_at_once_are_made_ever_more_seldom():
    server = Server([[]] * 7, [[Gone("gone")]] * 7)
    async with reading(server, seconds=60):
        assert [pause for pause in server.pauses if pause][:6] == pytest.approx(GROWING)


@pytest.mark.usefixtures("latest")
async def test_after_it_was_told_something_the_pauses_begin_anew():
    broken: list[Told] = [Unavailable("away")]
    server = Server([[]], [broken, broken, broken, [("ADDED", shown("a", 101)), Unavailable("away")], broken])
    async with reading(server, seconds=60):
        assert [pause for pause in server.pauses if pause] == pytest.approx([*GROWING[:3], *GROWING[:2]])


async def test_clients_that_lost_their_server_together_do_not_come_back_together(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watching, "random", random.Random(1))
    moments = []
    for _ in range(20):
        server = Server([Unavailable("away")] * 4)
        async with reading(server, seconds=60):
            moments.append(server.asked[4][0])
            assert all(pause / 2 - 1e-6 <= made <= pause + 1e-6 for made, pause in zip(server.pauses, GROWING[:4], strict=False))
    assert len(set(moments)) == 20


@pytest.mark.usefixtures("latest")
@pytest.mark.parametrize("away", [0.05, 1.0, 3.33, 60.0, 3600.0])
async def test_the_return_of_an_api_server_is_noticed_within_a_second_however_long_it_was_away(away: float):
    server = Server([[shown("a", 50)]])

    async def refuse(path: str, *, version: str, seconds: int) -> AsyncIterator[tuple[str, Raw]]:
        server.note(version)
        if asyncio.get_running_loop().time() - server.began < away:
            raise Unavailable("away")
        yield "ADDED", shown("b", 101)
        await asyncio.sleep(LONG)

    server.watch = refuse  # type: ignore[method-assign]
    async with reading(server, seconds=away + 1) as reader:
        assert reader.known == {"a": 50, "b": 101}
