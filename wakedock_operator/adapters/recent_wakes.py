"""A journal that remembers how long wakes took, and nothing else: for a gateway whose history somebody else writes."""

from collections import defaultdict, deque
from collections.abc import Sequence
from statistics import median

from wakedock_operator.ports.journal import TYPICAL_OF, Event, EventKind
from wakedock_operator.resource import Key


class RecentWakes:
    """`Journal` in memory, bounded: the last durations of each service that is there."""

    def __init__(self) -> None:
        self._durations: dict[Key, deque[float]] = defaultdict(lambda: deque(maxlen=TYPICAL_OF))

    def __repr__(self) -> str:
        return f"<RecentWakes of {len(self._durations)} services>"

    def record(self, event: Event) -> None:
        """See Journal."""
        if event.kind is EventKind.REMOVED:
            self._durations.pop(event.key, None)
        elif event.kind is EventKind.WOKE and "granted" in event.phases:
            self._durations[event.key].append(event.phases["granted"])

    async def events(self, *, key: Key | None = None, kind: EventKind | None = None, limit: int = 100) -> Sequence[Event]:
        """Nothing: the history is elsewhere."""
        return ()

    async def typical_wake(self, key: Key) -> float | None:
        """See Journal."""
        durations = self._durations.get(key)
        return median(durations) if durations else None
