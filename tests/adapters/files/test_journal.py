"""The journal's database: bounds, restarts, and disks that do not take it."""

import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wakedock_operator.adapters.files.journal import FileJournal
from wakedock_operator.ports.journal import Event, EventKind
from wakedock_operator.resource import Key

HELLO = Key("default", "hello")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def wake(number: int, message: str = "") -> Event:
    return Event(START, HELLO, EventKind.WOKE, str(number), message, phases={"granted": float(number)})


async def test_history_and_typical_wake_outlive_a_restart(tmp_path: Path):
    first = FileJournal(tmp_path / "journal.sqlite")
    for number in range(1, 31):
        first.record(wake(number))
    first.record(Event(START, Key("default", "gone"), EventKind.WOKE, phases={"granted": 1.0}))
    first.record(Event(START, Key("default", "gone"), EventKind.REMOVED))
    await first.close()
    second = FileJournal(tmp_path / "journal.sqlite")
    newest = await second.events(limit=3)
    assert [e.reason for e in newest][2:] == ["30"]
    assert await second.typical_wake(HELLO) == 20.5
    assert await second.typical_wake(Key("default", "gone")) is None
    await second.close()


async def test_only_the_newest_events_are_kept(tmp_path: Path):
    journal = FileJournal(tmp_path / "journal.sqlite", keep=10)
    for number in range(25):
        journal.record(wake(number))
    assert [e.reason for e in await journal.events()] == [str(n) for n in range(24, 14, -1)]
    await journal.close()


async def test_a_full_queue_drops_the_oldest_and_counts(tmp_path: Path):
    counted: list[int] = []
    journal = FileJournal(tmp_path / "journal.sqlite", queue=5, on_drop=counted.append)
    await journal.events()
    with journal._changed:  # the writer cannot take anything while this is held (the lock is reentrant for this thread)
        for number in range(8):
            journal.record(wake(number))
    assert [e.reason for e in await journal.events()] == ["7", "6", "5", "4", "3"]
    assert journal.dropped == sum(counted) == 3
    await journal.close()


async def test_a_damaged_database_is_set_aside(tmp_path: Path):
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"this is no database" * 1000)
    journal = FileJournal(path)
    journal.record(wake(1))
    assert len(await journal.events()) == 1
    assert (tmp_path / "journal.sqlite.damaged").exists()
    await journal.close()


async def test_rows_that_this_version_cannot_read_are_passed_over(tmp_path: Path):
    path = tmp_path / "journal.sqlite"
    first = FileJournal(path)
    first.record(wake(1))
    await first.close()
    with closing(sqlite3.connect(path)) as database, database:
        columns = "at, service, kind, reason, message, asker, phases"
        for changed in ("'x' AS at", "'a/b/c' AS service", "'Sang' AS kind", "'[1]' AS asker", "'{' AS phases"):
            name = changed.rpartition(" ")[2]
            values = columns.replace(name, changed)
            database.execute(f"INSERT INTO events ({columns}) SELECT {values} FROM events WHERE id = 1")
    second = FileJournal(path)
    assert [e.reason for e in await second.events()] == ["1"]
    assert await second.typical_wake(HELLO) == 1.0
    await second.close()


async def test_a_database_that_cannot_be_opened_drops_counts_and_says_so(tmp_path: Path):
    journal = FileJournal(tmp_path / "missing" / "journal.sqlite")
    journal.record(wake(1))
    with pytest.raises(OSError, match="cannot be read"):
        await journal.events()
    assert journal.dropped == 1
    assert await journal.typical_wake(HELLO) == 1.0
    await journal.close()


async def test_events_recorded_after_the_close_are_dropped_and_counted(tmp_path: Path):
    journal = FileJournal(tmp_path / "journal.sqlite")
    await journal.close()
    journal.record(wake(1))
    assert journal.dropped == 1


def test_a_full_disk_drops_and_counts_and_heals(tmp_path: Path):
    script = textwrap.dedent("""
        import asyncio, resource, sys
        from pathlib import Path
        from tests.adapters.files.test_journal import FileJournal, wake
        async def main():
            journal = FileJournal(Path(sys.argv[1]))
            journal.record(wake(1))
            assert len(await journal.events()) == 1
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
            journal.record(wake(2, "x" * 200_000))
            assert len(await journal.events()) == 1, "history stays readable"
            assert journal.dropped == 1, journal.dropped
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            journal.record(wake(3))
            assert [e.reason for e in await journal.events()] == ["3", "1"]
            await journal.close()
        asyncio.run(main())
    """)
    # A file size limit gives the same error path as a full disk, without needing one; SIGXFSZ would end the process.
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "journal.sqlite")],
        check=True,
        preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
    )
