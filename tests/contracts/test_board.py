"""What every Board promises."""

import asyncio
import errno
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wakedock_operator.adapters.files.board import RecordBoard
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

HELLO, OTHER = Key("default", "hello"), Key("default", "other")
NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
BUSY = Report("a", ReportKind.BUSY, 0, holding=True)
FULL = Status(
    uid="u1",
    serving=Serving.DRAINING,
    epoch=3,
    since=NOW,
    drain=Drain(DrainReason.START_FAILED, forced=True, cause=Failure("i1", FailureReason.EXITED, "exit 1: 'ü'"), backoff=4.0, rewake=True),
    woken_by=WakeReason.REQUEST,
    asker=Asker(NOW, "GET", "hello.localhost", "/ä", "curl/8", "127.0.0.1"),
    failures=2,
    failed="i1",
    gateways=(Report("a", ReportKind.BUSY, 3, holding=True, asker=Asker(NOW, path="/")), Report("b", ReportKind.IDLE, 2)),
    stop=StopIntent(("i1", "i2")),
    handled=Handled(wake="w", sleep="s", schedule=NOW),
    conditions=(Condition("Awake", "True", "Request", "", NOW),),
)


def status(uid: str = "u1", epoch: int = 0) -> Status:
    return Status(uid=uid, serving=Serving.AWAKE, epoch=epoch, since=NOW)


@pytest.fixture(params=["fake", "record"])
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Board:
    makers: dict[str, Callable[[], Board]] = {"fake": FakeBoard, "record": lambda: RecordBoard(tmp_path)}
    return makers[request.param]()


async def test_an_empty_board_knows_nobody(board: Board):
    assert board.keys() == frozenset()
    assert board.view(HELLO) is None
    assert await board.read(HELLO) is None


async def test_a_first_status_is_written_where_there_is_none(board: Board):
    written = await board.swap(HELLO, None, status())
    assert await board.read(HELLO) == board.view(HELLO) == written
    assert replace(written, version=0) == status()
    assert board.keys() == {HELLO}


async def test_a_status_comes_back_with_everything_in_it(board: Board):
    written = await board.swap(HELLO, None, FULL)
    assert await board.read(HELLO) == replace(FULL, version=written.version)


async def test_a_swap_needs_the_status_that_was_read(board: Board):
    first = await board.swap(HELLO, None, status())
    second = await board.swap(HELLO, first, status(epoch=1))
    with pytest.raises(Conflict, match="default/hello"):
        await board.swap(HELLO, first, status(epoch=2))
    with pytest.raises(Conflict):
        await board.swap(HELLO, None, status(epoch=2))
    assert await board.read(HELLO) == second


async def test_a_swap_of_what_is_gone_conflicts(board: Board):
    first = await board.swap(HELLO, None, status())
    await board.remove(HELLO, "u1")
    with pytest.raises(Conflict):
        await board.swap(HELLO, first, status(epoch=1))
    assert board.keys() == frozenset()


async def test_a_swap_over_the_status_of_a_successor_conflicts(board: Board):
    first = await board.swap(HELLO, None, status())
    await board.remove(HELLO, "u1")
    successor = await board.swap(HELLO, None, status("u2"))
    with pytest.raises(Conflict):
        await board.swap(HELLO, first, status(epoch=1))
    assert await board.read(HELLO) == successor


async def test_a_report_is_merged_and_answered_with_the_whole_status(board: Board):
    await board.swap(HELLO, None, status())
    await board.report(HELLO, "u1", Report("b", ReportKind.IDLE, 0))
    answer = await board.report(HELLO, "u1", BUSY)
    assert answer is not None
    assert {r.gateway: r for r in answer.gateways} == {"a": BUSY, "b": Report("b", ReportKind.IDLE, 0)}
    assert await board.read(HELLO) == answer


async def test_what_a_report_was_answered_with_has_been_seen(board: Board):
    await board.swap(HELLO, None, status())
    answer = await board.report(HELLO, "u1", BUSY)
    assert board.view(HELLO) == answer


async def test_a_report_moves_the_status_on_for_whoever_swaps(board: Board):
    first = await board.swap(HELLO, None, status())
    await board.report(HELLO, "u1", BUSY)
    with pytest.raises(Conflict):
        await board.swap(HELLO, first, status(epoch=1))


async def test_the_same_report_again_moves_nothing(board: Board):
    await board.swap(HELLO, None, status())
    first = await board.report(HELLO, "u1", BUSY)
    assert await board.report(HELLO, "u1", BUSY) == first


async def test_a_report_for_a_service_that_is_not_this_one_any_more_goes_nowhere(board: Board):
    written = await board.swap(HELLO, None, status("u2"))
    assert await board.report(HELLO, "u1", BUSY) is None
    assert await board.report(OTHER, "u1", BUSY) is None
    assert await board.read(HELLO) == written
    assert board.keys() == {HELLO}


async def test_removing_needs_the_uid(board: Board):
    await board.swap(HELLO, None, status("u2"))
    await board.remove(HELLO, "u1")
    await board.remove(OTHER, "u1")
    assert board.keys() == {HELLO}
    await board.remove(HELLO, "u2")
    assert board.keys() == frozenset()
    assert await board.read(HELLO) is None


async def test_a_watch_yields_every_key_once_and_then_what_changes(board: Board):
    await board.swap(HELLO, None, status())
    await board.swap(OTHER, None, status("u2"))
    watch = board.watch()
    assert {await anext(watch), await anext(watch)} == {HELLO, OTHER}
    following = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    assert not following.done()
    await board.report(OTHER, "u2", BUSY)
    assert await following == OTHER
    await board.remove(HELLO, "u1")
    assert await anext(watch) == HELLO


# What the records add.


async def test_a_reopened_board_has_every_record(tmp_path: Path):
    board = RecordBoard(tmp_path)
    full = await board.swap(HELLO, None, FULL)
    await board.swap(OTHER, None, status("u2"))
    reported = await board.report(OTHER, "u2", BUSY)
    await board.swap(Key("team", "gone"), None, status("u3"))
    await board.remove(Key("team", "gone"), "u3")
    again = RecordBoard(tmp_path)
    assert again.keys() == {HELLO, OTHER}
    assert (again.view(HELLO), again.view(OTHER)) == (full, reported)
    assert (await again.swap(HELLO, full, status(epoch=4))).version > full.version


async def test_a_record_survives_any_time_zone_and_fraction_of_a_second(tmp_path: Path):
    moment = NOW.astimezone(tz=None) + timedelta(microseconds=1)
    await RecordBoard(tmp_path).swap(HELLO, None, replace(status(), since=moment))
    found = RecordBoard(tmp_path).view(HELLO)
    assert found is not None
    assert found.since == moment


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"uid": "u1"}'], ids=["empty", "cut off", "not text", "fields missing"])
async def test_a_corrupt_record_is_named_and_its_service_begins_anew(tmp_path: Path, content: bytes):
    board = RecordBoard(tmp_path)
    await board.swap(HELLO, None, status())
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
    first = await board.swap(HELLO, None, status())

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_bytes", full)
        with pytest.raises(Unreachable, match="No space left"):
            await board.swap(HELLO, first, status(epoch=1))
        with pytest.raises(Unreachable, match="No space left"):
            await board.report(HELLO, "u1", BUSY)
        with pytest.raises(Unreachable, match="No space left"):
            await board.swap(OTHER, None, status("u2"))
    assert board.keys() == {HELLO}
    assert board.view(HELLO) == first
    assert RecordBoard(tmp_path).view(HELLO) == first
    assert (await board.swap(HELLO, first, status(epoch=1))).epoch == 1


async def test_a_removal_that_the_disk_refuses_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    board = RecordBoard(tmp_path)
    first = await board.swap(HELLO, None, status())

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "unlink", refuse)
        with pytest.raises(Unreachable, match="Read-only"):
            await board.remove(HELLO, "u1")
    assert board.view(HELLO) == first


async def test_a_board_shows_what_it_knows(board: Board):
    await board.swap(HELLO, None, status(epoch=3))
    assert repr(board).endswith("Board(default/hello=Awake@3)")
