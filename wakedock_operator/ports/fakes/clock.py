"""A clock that runs with the event loop, and a wall clock that a test can set."""

import asyncio
from datetime import UTC, datetime, timedelta

MONDAY_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATE = 1e-6
"""Seconds that this clock is ahead of the loop's: as in the world, no deadline is met before its time, however the loop rounds."""


class FakeClock:
    """`Clock` over the time of the event loop, which a test may let run as it likes.

    The wall clock shows `start` at the first look and goes with the loop, but for the steps that a test makes.
    """

    def __init__(self, start: datetime = MONDAY_NOON) -> None:
        self._wall = start
        self._zero: float | None = None

    def __repr__(self) -> str:
        return f"<FakeClock from {self._wall.isoformat()}>"

    def step(self, by: timedelta) -> None:
        """Somebody sets the wall clock: forwards, or backwards for a negative step."""
        self._wall += by

    def monotonic(self) -> float:
        """See Clock."""
        now = asyncio.get_running_loop().time() + LATE
        if self._zero is None:
            self._zero = now
        return now

    def now(self) -> datetime:
        """See Clock."""
        now = self.monotonic()
        return self._wall + timedelta(seconds=now - (self._zero or 0.0))
