"""A WakeDock in memory for the control API to speak about."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.api import Health, Ports
from wakedock_operator.core.status import Asker, Condition, Drain, DrainReason, Failure, FailureReason, Report, ReportKind, Serving, Status
from wakedock_operator.ports.catalog import Entry, Problem, Snapshot, Wishes
from wakedock_operator.ports.changes import Changes
from wakedock_operator.ports.fakes.board import FakeBoard
from wakedock_operator.ports.fakes.journal import FakeJournal
from wakedock_operator.ports.fakes.workloads import FakeWorkloads
from wakedock_operator.resource import Key, WakeService

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
HELLO = Key("default", "hello")
ASKER = Asker(at=NOW, method="GET", host="hello.localhost", path="/a", user_agent="curl/8", client="10.0.0.7")
FAILURE = Failure("hello-1", FailureReason.EXITED, "the app ended with exit code 3")


@dataclass
class Clock:
    moment: datetime = NOW

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def now(self) -> datetime:
        return self.moment


class Definitions:
    """A catalogue in memory that the test edits."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        self.problems: tuple[Problem, ...] = ()
        self.unreadable: tuple[str, ...] = ()
        self.disk_full = False
        self._changes: Changes[None] = Changes()

    def define(self, name: str, *, problem: str | None = None, **spec: Any) -> Key:
        document = {"metadata": {"name": name}, "spec": {"hosts": [f"{name}.localhost"], "app": {"command": ["true"]}, **spec}}
        service = WakeService.from_document(document)
        self.entries[service.key] = Entry(service, f"uid-{name}", 1, 0, f"/etc/services/{name}.yaml:1", problem=problem)
        self._changes.announce(None)
        return service.key

    def current(self) -> Snapshot:
        return Snapshot(dict(self.entries), self.problems, self.unreadable)

    async def changes(self) -> AsyncIterator[Snapshot]:
        async for _ in self._changes.follow([None]):
            yield self.current()

    async def ask(
        self, key: Key, *, wake: str | None = None, sleep: str | None = None, keep_awake_until: datetime | None = None, unpin: bool = False
    ) -> Wishes:
        entry = self.entries[key]
        asked = {"wake": wake, "sleep": sleep, "keep_awake_until": keep_awake_until}
        wishes = replace(entry.wishes, **{name: value for name, value in asked.items() if value is not None})  # type: ignore[arg-type]
        wishes = replace(wishes, keep_awake_until=None) if unpin else wishes
        self.entries[key] = replace(entry, wishes=wishes)
        self._changes.announce(None)
        if self.disk_full:
            raise OSError(28, "No space left on device")
        return wishes

    async def forget(self, key: Key, uid: str) -> None:
        del self.entries[key]
        self._changes.announce(None)


@dataclass
class World:
    clock: Clock = field(default_factory=Clock)
    catalog: Definitions = field(default_factory=Definitions)
    board: FakeBoard = field(default_factory=FakeBoard)
    workloads: FakeWorkloads = field(default_factory=lambda: FakeWorkloads(prompt=True))
    journal: FakeJournal = field(default_factory=FakeJournal)
    metrics: Metrics = field(default_factory=Metrics)
    health: Health = field(default_factory=lambda: Health(live=True, ready=True))
    idle_since: dict[Key, datetime] = field(default_factory=dict)

    def ports(self) -> Ports:
        return Ports(
            catalog=self.catalog,
            board=self.board,
            workloads=self.workloads,
            journal=self.journal,
            metrics=self.metrics,
            clock=self.clock,
            health=lambda: self.health,
            idle_since=self.idle_since.get,
        )

    async def show(self, key: Key = HELLO, serving: Serving = Serving.AWAKE, **fields: Any) -> Status:
        """Put a status on the board."""
        old = await self.board.read(key)
        epoch = fields.pop("epoch", 1 if old is None else old.epoch + 1)
        status = Status(uid=f"uid-{key.name}", serving=serving, epoch=epoch, since=NOW - timedelta(minutes=2), **fields)
        return await self.board.swap(key, old, status)


def failed(cause: Failure = FAILURE) -> Drain:
    return Drain(DrainReason.START_FAILED, forced=True, cause=cause, backoff=4.0)


def busy(epoch: int = 1) -> Report:
    return Report("gateway-0", ReportKind.BUSY, epoch, asker=ASKER)


def blocked(reason: str, message: str) -> Condition:
    return Condition("SleepBlocked", "True", reason, message)
