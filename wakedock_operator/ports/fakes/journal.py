"""History in memory."""

from collections.abc import Sequence
from statistics import median

from wakedock_operator.ports.journal import TYPICAL_OF, Event, EventKind
from wakedock_operator.resource import Key


class FakeJournal:
    """Keeps everything, at once."""

    def __init__(self) -> None:
        self.recorded: list[Event] = []

    def __repr__(self) -> str:
        return f"<FakeJournal of {len(self.recorded)} events>"

    def record(self, event: Event) -> None:
        self.recorded.append(event)

    async def events(self, *, key: Key | None = None, kind: EventKind | None = None, limit: int = 100) -> Sequence[Event]:
        found = [e for e in reversed(self.recorded) if (key is None or e.key == key) and (kind is None or e.kind is kind)]
        return tuple(found[:limit])

    async def typical_wake(self, key: Key) -> float | None:
        wakes: list[float] = []
        for event in self.recorded:
            if event.key == key and event.kind is EventKind.REMOVED:
                wakes.clear()
            if event.key == key and event.kind is EventKind.WOKE and "granted" in event.phases:
                wakes.append(event.phases["granted"])
        return median(wakes[-TYPICAL_OF:]) if wakes else None
