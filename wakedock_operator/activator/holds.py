"""The questions that are parked for one service, in the order in which they came."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from .questions import Granted, Question, Refusal

FIRST_BATCH = 16
PAUSE = 0.02
"""Seconds between two batches: time for a question that the app could not take to come back."""


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
    _batch: int = FIRST_BATCH
    _next_batch: float = 0.0

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
        parked = _Parked(question, now, asyncio.get_running_loop().create_future())
        self._parked[number] = parked
        try:
            return await parked.answer
        finally:
            self._parked.pop(number, None)

    def refuse(self, refusal: Refusal) -> int:
        """Answer all of them with one problem; returns how many."""
        return self._answer(refusal, len(self._parked))

    def release(self, now: float) -> float | None:
        """Grant the next batch; returns when the batch after it is due, None when nobody waits any more.

        A batch has twice the size of the one before as long as nothing comes back (`restart`), so that a thousand waiting clients do not
        overrun an app with a backlog of five.
        """
        if now < self._next_batch:
            return self._next_batch
        self._answer(Granted(), self._batch)
        self._next_batch = now + PAUSE
        self._batch = self._batch * 2
        return self._next_batch if self._parked else None

    def restart(self) -> None:
        """Begin with small batches again: something came back, or another instance is to be tried."""
        self._batch = FIRST_BATCH

    def _answer(self, answer: Granted | Refusal, most: int) -> int:
        count = 0
        while self._parked and count < most:
            _, parked = self._parked.popitem(last=False)
            if not parked.answer.done():
                parked.answer.set_result(answer)
                count += 1
        return count
