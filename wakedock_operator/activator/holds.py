"""The questions that are parked for one service, in the order in which they came."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from .questions import Granted, Question, Refusal

WINDOW = 16
"""How many requests a fresh grant lets through at once."""
SMALLEST_WINDOW = 4
PACE = 0.02
"""Seconds between two looks while a grant goes on."""
GROW_AFTER = 1.1
"""Seconds without a request that came back, a little more than Caddy's dial time-out, after which the window doubles."""


@dataclass(slots=True)
class _Parked:
    question: Question
    since: float
    answer: asyncio.Future[Granted | Refusal]


@dataclass(slots=True)
class Holds:
    """Parked questions of one service. `now` is always the monotonic clock, in seconds."""

    _parked: OrderedDict[int, _Parked] = field(default_factory=OrderedDict)
    _next: int = 0
    _window: int = WINDOW
    _came_back: bool = False
    _grown_at: float = 0.0
    _released_at: float = 0.0
    _next_at: float = 0.0
    _recent: int = 0
    """Granted in the pace that ends at `_next_at`: the edge may not have dialled for these yet, so they are not in its list."""

    def __len__(self) -> int:
        return len(self._parked)

    @property
    def oldest(self) -> float | None:
        """When the oldest parked question came; None where none is parked."""
        first = next(iter(self._parked.values()), None)
        return None if first is None else first.since

    @property
    def first(self) -> Question | None:
        """The oldest parked question."""
        parked = next(iter(self._parked.values()), None)
        return None if parked is None else parked.question

    async def park(self, question: Question, now: float) -> Granted | Refusal:
        """Wait for the answer. When this is cancelled (the client left, the time is over) the place is free at once."""
        number = self._next
        self._next += 1
        parked = _Parked(question, now - question.age, asyncio.get_running_loop().create_future())
        self._parked[number] = parked
        try:
            return await parked.answer
        finally:
            self._parked.pop(number, None)

    def refuse(self, refusal: Refusal) -> int:
        """Answer all of them with one problem; returns how many."""
        return self._answer(refusal, len(self._parked))

    def release(self, now: float, *, in_flight: int) -> float | None:
        """Grant as many as the window leaves room for; returns when to go on, None when nobody waits any more.

        A thousand waiting clients must not overrun an app with a backlog of five: while some wait, no more than the window are in flight.
        It doubles while nothing comes back, and halves when something does.
        """
        if now - self._released_at > GROW_AFTER:
            self._window, self._grown_at, self._came_back = WINDOW, now, False
        elif self._came_back:
            self._window, self._grown_at, self._came_back = max(SMALLEST_WINDOW, self._window // 2), now, False
        elif now - self._grown_at >= GROW_AFTER:
            self._window, self._grown_at = self._window * 2, now
        self._released_at = now
        if now >= self._next_at:
            self._next_at, self._recent = now + PACE, 0
        self._recent += self._answer(Granted(), max(0, self._window - in_flight - self._recent))
        return self._next_at if self._parked else None

    def overran(self) -> None:
        """A request that was let through came back: the app could not take it."""
        self._came_back = True

    def _answer(self, answer: Granted | Refusal, most: int) -> int:
        count = 0
        while self._parked and count < most:
            _, parked = self._parked.popitem(last=False)
            if not parked.answer.done():
                parked.answer.set_result(answer)
                count += 1
        return count
