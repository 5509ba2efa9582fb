"""A bounded history of who woke what."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from wakedock_operator.core.status import Asker
from wakedock_operator.resource import Key

TYPICAL_OF = 20
"""How many wakes the typical duration is the median of."""


class EventKind(StrEnum):
    """What happened."""

    WOKE = "Woke"
    """The app is awake and gets requests: why it was woken, who asked where somebody did, and how long it took."""
    SLEPT = "Slept"
    """The app was put to sleep: why."""
    WAKE_FAILED = "WakeFailed"
    """A start was given up: the class of the failure, what happened, and who had asked."""
    CRASHED = "Crashed"
    """The app ended by itself while it was awake: the class of the failure and what happened. Once for each end."""
    SLEEP_BLOCKED = "SleepBlocked"
    """Nobody uses the app, and something that no definition, pin or dependant asks for keeps it awake: what. Once for each beginning."""
    PINNED = "Pinned"
    """Somebody asked to keep the app awake, or for another time than before: until when."""
    UNPINNED = "Unpinned"
    """A pin was taken back. One that runs out by itself is not told."""
    ADDED = "Added"
    """A service is looked after for the first time."""
    REMOVED = "Removed"
    """A service was deleted, and nothing of it is left to do."""
    REJECTED = "Rejected"
    """A definition is not served as it was written: what is wrong with it. An earlier good one stays in force."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of history. `phases` are seconds since the wake was asked for: asked, started, answering, granted."""

    at: datetime
    key: Key
    kind: EventKind
    reason: str = ""
    message: str = ""
    asker: Asker | None = None
    phases: dict[str, float] = field(default_factory=dict)


class Journal(Protocol):
    """History, kept over restarts, bounded. A failing or slow write never delays a wake."""

    def record(self, event: Event) -> None:
        """Queue one event. Never blocks, never raises; when the queue is full the oldest queued event is dropped and counted."""
        ...

    async def events(self, *, key: Key | None = None, kind: EventKind | None = None, limit: int = 100) -> Sequence[Event]:
        """The newest events, newest first, all that were recorded before this call included. Raises OSError when they cannot be read."""
        ...

    async def typical_wake(self, key: Key) -> float | None:
        """Median of how long the last wakes took until they were granted, in seconds; None while there were none.

        Answers from memory. A service that was removed starts anew.
        """
        ...
