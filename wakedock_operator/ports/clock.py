"""Time: one monotonic clock for durations, one wall clock for schedules and records."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Reads both clocks. Durations are only ever measured with `monotonic`."""

    def monotonic(self) -> float:
        """Seconds on a clock that never steps."""
        ...

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...
