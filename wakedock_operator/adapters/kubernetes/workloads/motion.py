"""Another look at what is in motion, where nobody tells that something has happened."""

import asyncio
from collections.abc import Callable

from wakedock_operator.resource import Key

FIRST = 0.2
USUAL = 1.0
SLOWEST = 5.0
"""Seconds between two looks: the first ones, those of the first two minutes, and those at something that has not stood for ten minutes."""


class Motion:
    """Announces a workload again for as long as each look finds it in motion: one timer of the loop per workload that moves."""

    def __init__(self, announce: Callable[[Key], None]) -> None:
        self._announce = announce
        self._since: dict[Key, float] = {}
        self._looked: dict[Key, float] = {}
        """When a look found it in motion first, and last."""
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def __repr__(self) -> str:
        return f"Motion({', '.join(map(str, self._since))})"

    def elapsed(self, key: Key) -> float:
        """Seconds since a look found it in motion first; 0 for what stands."""
        now = asyncio.get_running_loop().time()
        return now - self._since.get(key, now) if self._goes_on(key, now) else 0.0

    def moves(self, key: Key, *, told: bool = False) -> None:
        """A look found it in motion: announce it after a while, a longer one where somebody tells (`told`) of what happens meanwhile."""
        now = asyncio.get_running_loop().time()
        if not self._goes_on(key, now):
            self._since[key] = now
        self._looked[key] = now
        usual = pause(self.elapsed(key))
        self._later(key, max(usual, USUAL) if told else usual)

    def stands(self, key: Key) -> None:
        """A look found it standing."""
        self._since.pop(key, None)
        self._looked.pop(key, None)
        self._cancel(key)

    def again(self, key: Key, after: float) -> None:
        """Announce it once after so many seconds, whether it moves or not."""
        self._later(key, after)

    def close(self) -> None:
        """No announcements any more."""
        for key in tuple(self._timers):
            self.stands(key)

    def _goes_on(self, key: Key, now: float) -> bool:
        """Whether it is the same motion: one at which nobody has looked for long is over, as far as is known."""
        return key in self._looked and now - self._looked[key] < 2 * SLOWEST

    def _later(self, key: Key, after: float) -> None:
        self._cancel(key)
        self._timers[key] = asyncio.get_running_loop().call_later(after, self._due, key)

    def _due(self, key: Key) -> None:
        del self._timers[key]
        self._announce(key)

    def _cancel(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()


def pause(elapsed: float) -> float:
    """Seconds until the next look at what has been in motion for `elapsed` seconds."""
    return max(min(max(elapsed / 4, FIRST), USUAL), min(elapsed / 120, SLOWEST))
