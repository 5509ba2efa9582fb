"""Where WakeServices come from: files, custom resources, container labels, a database."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from wakedock_operator.core.conditions import AcceptedReason
from wakedock_operator.resource import Key, WakeService


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person asks of a service besides its definition. Any new value of `wake` or `sleep` acts once."""

    wake: str = ""
    sleep: str = ""
    keep_awake_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One service as it is to be served, and what is wrong with what is written."""

    service: WakeService
    uid: str
    """Given at first sight, kept with the definition; a service that ended and comes back gets a new one."""
    generation: int
    """Grows with every change of the definition."""
    order: int
    """Who was first: decides between two services with one host and path."""
    source: str
    wishes: Wishes = Wishes()
    problem: str | None = None
    """Why what is written newest is not served just like that."""
    problem_reason: AcceptedReason = AcceptedReason.KEPT_LAST_GOOD
    """What that means, where there is a problem."""
    callers_port: int | None = None
    """The port of the gateways on which every request is for this service alone; None where it has none."""

    @property
    def key(self) -> Key:
        """The service's identity."""
        return self.service.key


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a source that is not served: where it is and why."""

    source: str
    message: str
    key: Key | None = None
    """Of which service; None where it is about a whole source, or where a definition has no name that can be read."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All services at one moment. What is missing here has ended, unless its source is among `unreadable`: its entry stays."""

    entries: Mapping[Key, Entry] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    unreadable: tuple[str, ...] = ()
    versions: Mapping[str, int] = field(default_factory=dict)
    """Of each namespace what grows with what the source shows, the same for every process that reads it; empty where there is one."""

    def defines_as(self, other: "Snapshot") -> bool:
        """True when both hold the very same definitions, with the same ports; wishes and problems may differ."""
        mine, theirs = self.entries, other.entries
        return mine.keys() == theirs.keys() and all(
            entry.service is theirs[key].service and entry.callers_port == theirs[key].callers_port for key, entry in mine.items()
        )


class Catalog(Protocol):
    """The source of definitions and wishes. An unreadable source is unknown, not empty: its services stay as they were."""

    def current(self) -> Snapshot:
        """The newest snapshot. No I/O."""
        ...

    def changes(self) -> AsyncIterator[Snapshot]:
        """The present snapshot, then each newer one. Several readers may follow at once; a slow one sees the newest only."""
        ...

    async def ask(
        self, key: Key, *, wake: str | None = None, sleep: str | None = None, keep_awake_until: datetime | None = None, unpin: bool = False
    ) -> Wishes:
        """Record a wish and publish a snapshot that shows it.

        Raises KeyError for an unknown service, OSError when a pin cannot be kept (it is then in force until the next start).
        """
        ...

    async def forget(self, key: Key, uid: str) -> None:
        """Drop what is remembered of a service that has ended."""
        ...
