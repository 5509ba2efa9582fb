"""Time as a deadline queue: each key says when it next needs a look, and nothing polls.

A key is worked on by one task at a time. Whoever adds it while it is worked on makes it run once more afterwards, so no change is missed;
whoever adds it twice makes it run once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from wakedock_operator.core.backoff import backoff
from wakedock_operator.ports.unreachable import Unreachable

log = structlog.get_logger(__name__)
AWAY = 0.7
"""Seconds after which somebody who did not answer is asked again: a wake goes on within a second of their return."""

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Slot:
    running: bool = False
    again: bool = False
    forgotten: bool = False
    """Forgotten while it was worked on: the slot goes when that is done."""
    timer: asyncio.TimerHandle | None = None
    failures: int = 0


class WorkQueue(Generic[K]):
    """Calls `work(key)` for every key that was added; `work` returns when to come back (the loop's clock, in seconds), or None.

    An exception of `work` is logged, and the key comes back after a back-off: one bad key affects only itself. After `Unreachable`, which
    is nobody's fault here, it comes back soon.
    """

    def __init__(self, work: Callable[[K], Awaitable[float | None]], *, name: str, told: Callable[[str, str], None] | None = None) -> None:
        """`told` hears of every turn: the queue's name, and `done`, `unreachable` or `failed`."""
        self._work = work
        self._told = told
        self._name = name
        self._slots: dict[K, _Slot] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._waiting: dict[K, None] = {}

    def __repr__(self) -> str:
        running = sum(slot.running for slot in self._slots.values())
        return f"WorkQueue({self._name}: {len(self._slots)} keys, {running} running)"

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                waiting, self._waiting = self._waiting, {}
                for key in waiting:
                    self.add(key)
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None
            for slot in self._slots.values():
                if slot.timer is not None:
                    slot.timer.cancel()

    def add(self, key: K) -> None:
        """Work on `key` as soon as possible."""
        if self._tasks is None:
            self._waiting[key] = None
            return
        slot = self._slots.setdefault(key, _Slot())
        if slot.timer is not None:
            slot.timer.cancel()
            slot.timer = None
        slot.forgotten = False
        if slot.running:
            slot.again = True
            return
        slot.running = True
        self._tasks.create_task(self._turn(key, slot), name=f"{self._name} {key}")

    def forget(self, key: K) -> None:
        """Drop the deadline of a key that is no more."""
        slot = self._slots.get(key)
        if slot is None:
            return
        if slot.timer is not None:
            slot.timer.cancel()
            slot.timer = None
        if slot.running:
            slot.again, slot.forgotten = False, True
        else:
            del self._slots[key]

    def _tell(self, outcome: str) -> None:
        if self._told is not None:
            self._told(self._name, outcome)

    async def _turn(self, key: K, slot: _Slot) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                slot.again = False
                try:
                    due = await self._work(key)
                    slot.failures = 0
                    self._tell("done")
                except Unreachable as error:
                    self._tell("unreachable")
                    log.warning("cannot go on at present", queue=self._name, service=str(key), error=str(error), again_in=AWAY)
                    due = loop.time() + AWAY
                except Exception as error:
                    slot.failures += 1
                    self._tell("failed")
                    delay = backoff(slot.failures)
                    log.exception("work failed", queue=self._name, service=str(key), error=str(error), again_in=delay)
                    due = loop.time() + delay
                if not slot.again:
                    break
        finally:
            slot.running = False
        if slot.forgotten:
            del self._slots[key]
        elif due is not None and self._tasks is not None:
            slot.timer = loop.call_at(due, self.add, key)
