"""History in a SQLite database, written by a thread of its own."""

import asyncio
import json
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from threading import Condition, Thread
from typing import Any

import structlog

from wakedock_operator.core.status import Asker
from wakedock_operator.ports.journal import TYPICAL_OF, Event, EventKind
from wakedock_operator.resource import Key

log = structlog.get_logger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, service TEXT NOT NULL, kind TEXT NOT NULL,
    reason TEXT NOT NULL, message TEXT NOT NULL, asker TEXT, phases TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of_service ON events (service, id);
CREATE INDEX IF NOT EXISTS events_of_kind ON events (kind, id);
"""


@dataclass(frozen=True, slots=True)
class _Query:
    key: Key | None
    kind: EventKind | None
    limit: int
    answer: Future[Sequence[Event]]


class FileJournal:
    """The newest `keep` events in the database at `path`.

    One thread owns the database, so no caller ever waits for the disk. What cannot be written (a full disk, a full queue of `queue` events)
    is dropped and counted: `dropped`, and `on_drop` with the number, called from any thread. A database that is damaged is set aside
    under the name `….damaged` and begun anew. `close` writes what is queued.
    """

    def __init__(self, path: Path, *, keep: int = 10_000, queue: int = 2_000, on_drop: Callable[[int], None] | None = None) -> None:
        self.dropped = 0
        self._path = path
        self._keep = keep
        self._on_drop = on_drop
        self._changed = Condition()
        self._events: deque[Event] = deque()
        self._queries: deque[_Query] = deque()
        self._room = queue
        self._closing = False
        self._database: sqlite3.Connection | None = None
        self._wakes: dict[Key, deque[float]] = {}
        self._thread = Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<FileJournal {self._path} queued={len(self._events)} dropped={self.dropped}>"

    def record(self, event: Event) -> None:
        with self._changed:
            self._learn(event)
            full = self._closing or len(self._events) >= self._room
            if full and self._events:
                self._events.popleft()
            if not self._closing:
                self._events.append(event)
            self._changed.notify()
        if full:
            self._drop(1, why="the queue is full")

    async def events(self, *, key: Key | None = None, kind: EventKind | None = None, limit: int = 100) -> Sequence[Event]:
        query = _Query(key, kind, limit, Future())
        with self._changed:
            if self._closing:
                raise OSError("the history cannot be read: WakeDock is stopping")
            self._queries.append(query)
            self._changed.notify()
        return await asyncio.wrap_future(query.answer)

    async def typical_wake(self, key: Key) -> float | None:
        with self._changed:
            wakes = list(self._wakes.get(key, ()))
        return median(wakes) if wakes else None

    async def close(self) -> None:
        """Write what is queued and close the database."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    def _learn(self, event: Event, *, older: bool = False) -> None:
        """Keep the durations of the last wakes. History that is read at the start is older than what was recorded meanwhile."""
        if event.kind is EventKind.REMOVED:
            self._wakes.pop(event.key, None)
        elif event.kind is EventKind.WOKE and "granted" in event.phases:
            wakes = self._wakes.setdefault(event.key, deque(maxlen=TYPICAL_OF))
            if not older:
                wakes.append(event.phases["granted"])
            elif len(wakes) < TYPICAL_OF:
                wakes.appendleft(event.phases["granted"])

    def _drop(self, number: int, *, why: str) -> None:
        self.dropped += number
        log.warning("events dropped", number=number, why=why, path=str(self._path))
        if self._on_drop is not None:
            self._on_drop(number)

    def _work(self) -> None:
        self._recall()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._events or self._queries or self._closing)
                batch, queries = list(self._events), list(self._queries)
                self._events.clear()
                self._queries.clear()
                done = self._closing
            if batch:
                self._write(batch)
            for query in queries:
                self._answer(query)
            if done:
                break
        if self._database is not None:
            self._database.close()

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            try:
                self._database = _connect(self._path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                log.warning("history is damaged, beginning anew", path=str(self._path), error=str(error))
                self._path.replace(self._path.with_name(self._path.name + ".damaged"))
                for left in ("-wal", "-shm"):
                    self._path.with_name(self._path.name + left).unlink(missing_ok=True)
                self._database = _connect(self._path)
        return self._database

    def _recall(self) -> None:
        try:
            rows = _read(self._open(), _Query(None, None, self._keep, Future()))
        except (sqlite3.Error, OSError) as error:
            log.warning("history cannot be read", path=str(self._path), error=str(error))
            return
        removed: set[Key] = set()
        with self._changed:
            for event in rows:
                if event.kind is EventKind.REMOVED:
                    removed.add(event.key)
                if event.key not in removed:
                    self._learn(event, older=True)

    def _write(self, batch: Sequence[Event]) -> None:
        try:
            database = self._open()
            with database:
                database.executemany(
                    "INSERT INTO events (at, service, kind, reason, message, asker, phases) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [_row(event) for event in batch],
                )
                database.execute("DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?", (self._keep,))
        except (sqlite3.Error, OSError) as error:
            self._drop(len(batch), why=str(error))

    def _answer(self, query: _Query) -> None:
        if not query.answer.set_running_or_notify_cancel():
            return
        try:
            query.answer.set_result(_read(self._open(), query))
        except (sqlite3.Error, OSError) as error:
            query.answer.set_exception(OSError(f"the history in {self._path} cannot be read: {error}"))


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        # A power cut may cost the last events, never the database; no fsync for each wake.
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database


def _row(event: Event) -> tuple[str | None, ...]:
    asker = None
    if event.asker is not None:
        asker = json.dumps(asdict(event.asker) | {"at": _written(event.asker.at)})
    return _written(event.at), str(event.key), event.kind.value, event.reason, event.message, asker, json.dumps(event.phases)


def _read(database: sqlite3.Connection, query: _Query) -> Sequence[Event]:
    statement = "SELECT at, service, kind, reason, message, asker, phases FROM events"
    wanted = {"service": None if query.key is None else str(query.key), "kind": query.kind}
    conditions = [f"{column} = :{column}" for column, value in wanted.items() if value is not None]
    if conditions:
        statement += " WHERE " + " AND ".join(conditions)
    statement += " ORDER BY id DESC LIMIT :limit"
    with closing(database.execute(statement, {**wanted, "limit": query.limit})) as rows:
        return tuple(event for row in rows if (event := _event(row)) is not None)


def _event(row: tuple[Any, ...]) -> Event | None:
    """The event of a row; None for one that this version cannot read (written by a newer one, or damaged)."""
    try:
        return _event_of(*row)
    except (TypeError, ValueError, LookupError):
        return None


def _event_of(*row: Any) -> Event:
    at, service, kind, reason, message, asker, phases = row
    asked_by = None
    if asker is not None:
        fields = json.loads(asker)
        asked_by = Asker(**fields | {"at": datetime.fromisoformat(fields["at"])})
    return Event(datetime.fromisoformat(at), Key.parse(service), EventKind(kind), reason, message, asked_by, json.loads(phases))


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
