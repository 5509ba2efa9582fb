"""What every Board promises."""

import asyncio
import errno
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from tests.kubernetes.conftest import api, namespace
from tests.kubernetes.wakeservices_of_process import Cluster as Process
from wakedock_operator.adapters.files.board import RecordBoard
from wakedock_operator.adapters.kubernetes.catalog import service_path
from wakedock_operator.adapters.kubernetes.client import connect
from wakedock_operator.core.status import (
    Asker,
    Condition,
    Drain,
    DrainReason,
    Failure,
    FailureReason,
    Handled,
    Report,
    ReportKind,
    Serving,
    Status,
    StopIntent,
    WakeReason,
)
from wakedock_operator.ports.board import Board, Conflict
from wakedock_operator.ports.fakes.board import FakeBoard
from wakedock_operator.ports.unreachable import Unreachable
from wakedock_operator.resource import Key

__all__ = ["api", "namespace"]  # fixtures

HELLO, OTHER = Key("default", "hello"), Key("default", "other")
NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
BUSY = Report("a", ReportKind.BUSY, 0, holding=True)
FULL = Status(
    uid="",
    serving=Serving.DRAINING,
    epoch=3,
    since=NOW,
    drain=Drain(DrainReason.START_FAILED, forced=True, cause=Failure("i1", FailureReason.EXITED, "exit 1: 'ü'"), backoff=4.5, rewake=True),
    woken_by=WakeReason.REQUEST,
    asker=Asker(NOW, "GET", "hello.localhost", "/ä", "curl/8", "127.0.0.1"),
    failures=2,
    failed="i1",
    gateways=(Report("a", ReportKind.BUSY, 3, holding=True, asker=Asker(NOW, path="/")), Report("b", ReportKind.IDLE, 2, protocol=7)),
    stop=StopIntent(("i1", "i2")),
    generation=7,
    undone=2,
    undone_by="hpa",
    handled=Handled(wake="w", sleep="s", schedule=NOW),
    conditions=(Condition("Awake", "True", "Request", "", NOW),),
)


def status(uid: str, epoch: int = 0) -> Status:
    return Status(uid=uid, serving=Serving.AWAKE, epoch=epoch, since=NOW)


class Place:
    """A board, and services that come and go where it stands."""

    hello, other = HELLO, OTHER

    def __init__(self, board: Board) -> None:
        self.board = board
        self._numbers = count(1)

    async def define(self, key: Key) -> str:
        """A service that was not there before; returns its uid."""
        return f"u{next(self._numbers)}"

    async def end(self, key: Key, uid: str) -> None:
        """The service has ended, and who looks after it removes its status."""
        await self.board.remove(key, uid)


class Cluster(Place):
    """A board in the API server: a status is part of its WakeService, and ends with that."""

    def __init__(self, process: Process) -> None:
        super().__init__(process.board)
        self._process = process
        self.hello, self.other = Key(process.namespace, "hello"), Key(process.namespace, "other")

    async def define(self, key: Key) -> str:
        return await self._process.define(key.name)

    async def end(self, key: Key, uid: str) -> None:
        await super().end(key, uid)
        await self._process.api.delete(service_path(key))
        self._process.shelf.end(key, uid)


@pytest.fixture(params=["fake", "record", pytest.param("kubernetes", marks=pytest.mark.kubernetes)])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "kubernetes":
        connected = await connect(kubeconfig=request.getfixturevalue("api"))
        yield Cluster(Process(connected, request.getfixturevalue("namespace")))
        await connected.close()
    else:
        yield Place(FakeBoard() if request.param == "fake" else RecordBoard(tmp_path))


@pytest.fixture
def board(place: Place) -> Board:
    return place.board


async def test_an_empty_board_knows_nobody(place: Place, board: Board):
    assert board.keys() == frozenset()
    assert board.view(place.hello) is None
    assert await board.read(place.hello) is None


async def test_a_service_without_a_status_is_not_on_the_board(place: Place, board: Board):
    await place.define(place.hello)
    assert board.keys() == frozenset()
    assert board.view(place.hello) is None
    assert await board.read(place.hello) is None


async def test_a_first_status_is_written_where_there_is_none(place: Place, board: Board):
    uid = await place.define(place.hello)
    written = await board.swap(place.hello, None, status(uid))
    assert await board.read(place.hello) == board.view(place.hello) == written
    assert replace(written, version=0) == status(uid)
    assert board.keys() == {place.hello}


async def test_a_status_comes_back_with_everything_in_it(place: Place, board: Board):
    full = replace(FULL, uid=await place.define(place.hello))
    written = await board.swap(place.hello, None, full)
    assert await board.read(place.hello) == replace(full, version=written.version)


async def test_a_swap_needs_the_status_that_was_read(place: Place, board: Board):
    uid = await place.define(place.hello)
    first = await board.swap(place.hello, None, status(uid))
    second = await board.swap(place.hello, first, status(uid, epoch=1))
    with pytest.raises(Conflict, match=str(place.hello)):
        await board.swap(place.hello, first, status(uid, epoch=2))
    with pytest.raises(Conflict):
        await board.swap(place.hello, None, status(uid, epoch=2))
    assert await board.read(place.hello) == second


async def test_a_swap_of_what_is_gone_conflicts(place: Place, board: Board):
    uid = await place.define(place.hello)
    first = await board.swap(place.hello, None, status(uid))
    await place.end(place.hello, uid)
    with pytest.raises(Conflict):
        await board.swap(place.hello, first, status(uid, epoch=1))
    assert board.keys() == frozenset()


async def test_a_swap_over_the_status_of_a_successor_conflicts(place: Place, board: Board):
    uid = await place.define(place.hello)
    first = await board.swap(place.hello, None, status(uid))
    await place.end(place.hello, uid)
    successor = await board.swap(place.hello, None, status(await place.define(place.hello)))
    with pytest.raises(Conflict):
        await board.swap(place.hello, first, status(uid, epoch=1))
    assert await board.read(place.hello) == successor


async def test_a_report_is_merged_and_answered_with_the_whole_status(place: Place, board: Board):
    uid = await place.define(place.hello)
    await board.swap(place.hello, None, status(uid))
    await board.report(place.hello, uid, Report("b", ReportKind.IDLE, 0))
    answer = await board.report(place.hello, uid, BUSY)
    assert answer is not None
    assert {r.gateway: r for r in answer.gateways} == {"a": BUSY, "b": Report("b", ReportKind.IDLE, 0)}
    assert await board.read(place.hello) == answer


async def test_what_a_report_was_answered_with_has_been_seen(place: Place, board: Board):
    uid = await place.define(place.hello)
    await board.swap(place.hello, None, status(uid))
    answer = await board.report(place.hello, uid, BUSY)
    assert board.view(place.hello) == answer


async def test_a_report_moves_the_status_on_for_whoever_swaps(place: Place, board: Board):
    uid = await place.define(place.hello)
    first = await board.swap(place.hello, None, status(uid))
    await board.report(place.hello, uid, BUSY)
    with pytest.raises(Conflict):
        await board.swap(place.hello, first, status(uid, epoch=1))


async def test_the_same_report_again_moves_nothing(place: Place, board: Board):
    uid = await place.define(place.hello)
    await board.swap(place.hello, None, status(uid))
    first = await board.report(place.hello, uid, BUSY)
    assert await board.report(place.hello, uid, BUSY) == first


async def test_a_report_for_a_service_that_is_not_this_one_any_more_goes_nowhere(place: Place, board: Board):
    former = await place.define(place.hello)
    await place.end(place.hello, former)
    written = await board.swap(place.hello, None, status(await place.define(place.hello)))
    assert await board.report(place.hello, former, BUSY) is None
    assert await board.report(place.other, former, BUSY) is None
    assert await board.read(place.hello) == written
    assert board.keys() == {place.hello}


async def test_a_report_makes_no_status_where_there_is_none(place: Place, board: Board):
    uid = await place.define(place.hello)
    assert await board.report(place.hello, uid, BUSY) is None
    assert await board.read(place.hello) is None


async def test_removing_needs_the_uid(place: Place, board: Board):
    uid = await place.define(place.hello)
    await board.swap(place.hello, None, status(uid))
    await board.remove(place.hello, "another")
    await board.remove(place.other, uid)
    assert board.keys() == {place.hello}
    await place.end(place.hello, uid)
    assert board.keys() == frozenset()
    assert await board.read(place.hello) is None


async def test_a_watch_yields_every_key_once_and_then_what_changes(place: Place, board: Board):
    one, another = await place.define(place.hello), await place.define(place.other)
    await board.swap(place.hello, None, status(one))
    await board.swap(place.other, None, status(another))
    watch = board.watch()
    assert {await anext(watch), await anext(watch)} == {place.hello, place.other}
    following = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    assert not following.done()
    await board.report(place.other, another, BUSY)
    assert await following == place.other
    await place.end(place.hello, one)
    assert await anext(watch) == place.hello


# What the records add.


async def test_a_reopened_board_has_every_record(tmp_path: Path):
    board = RecordBoard(tmp_path)
    full = await board.swap(HELLO, None, replace(FULL, uid="u1"))
    await board.swap(OTHER, None, status("u2"))
    reported = await board.report(OTHER, "u2", BUSY)
    await board.swap(Key("team", "gone"), None, status("u3"))
    await board.remove(Key("team", "gone"), "u3")
    again = RecordBoard(tmp_path)
    assert again.keys() == {HELLO, OTHER}
    assert (again.view(HELLO), again.view(OTHER)) == (full, reported)
    assert (await again.swap(HELLO, full, status("u1", epoch=4))).version > full.version


async def test_a_record_survives_any_time_zone_and_fraction_of_a_second(tmp_path: Path):
    moment = NOW.astimezone(tz=None) + timedelta(microseconds=1)
    await RecordBoard(tmp_path).swap(HELLO, None, replace(status("u1"), since=moment))
    found = RecordBoard(tmp_path).view(HELLO)
    assert found is not None
    assert found.since == moment


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"uid": "u1"}'], ids=["empty", "cut off", "not text", "fields missing"])
async def test_a_corrupt_record_is_named_and_its_service_begins_anew(tmp_path: Path, content: bytes):
    board = RecordBoard(tmp_path)
    await board.swap(HELLO, None, status("u1"))
    kept = await board.swap(OTHER, None, status("u2"))
    (tmp_path / "default.hello.json").write_bytes(content)
    again = RecordBoard(tmp_path)
    assert set(again.unreadable) == {"default.hello.json"}
    assert again.keys() == {OTHER}
    assert again.view(OTHER) == kept
    written = await again.swap(HELLO, None, status("u9"))
    assert RecordBoard(tmp_path).view(HELLO) == written


async def test_a_file_that_nobody_can_have_written_here_is_named(tmp_path: Path):
    (tmp_path / "Not.A-Key.json").write_bytes(b"{}")
    assert set(RecordBoard(tmp_path).unreadable) == {"Not.A-Key.json"}


async def test_a_write_that_the_disk_refuses_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    board = RecordBoard(tmp_path)
    first = await board.swap(HELLO, None, status("u1"))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_bytes", full)
        with pytest.raises(Unreachable, match="No space left"):
            await board.swap(HELLO, first, status("u1", epoch=1))
        with pytest.raises(Unreachable, match="No space left"):
            await board.report(HELLO, "u1", BUSY)
        with pytest.raises(Unreachable, match="No space left"):
            await board.swap(OTHER, None, status("u2"))
    assert board.keys() == {HELLO}
    assert board.view(HELLO) == first
    assert RecordBoard(tmp_path).view(HELLO) == first
    assert (await board.swap(HELLO, first, status("u1", epoch=1))).epoch == 1


async def test_a_removal_that_the_disk_refuses_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    board = RecordBoard(tmp_path)
    first = await board.swap(HELLO, None, status("u1"))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "unlink", refuse)
        with pytest.raises(Unreachable, match="Read-only"):
            await board.remove(HELLO, "u1")
    assert board.view(HELLO) == first


@pytest.mark.parametrize("kind", ["fake", "record"])
async def test_a_board_shows_what_it_knows(kind: str, tmp_path: Path):
    shown: Board = FakeBoard() if kind == "fake" else RecordBoard(tmp_path)
    await shown.swap(HELLO, None, status("u1", epoch=3))
    assert repr(shown).endswith("Board(default/hello=Awake@3)")
