"""Waking code up when something changed: many readers, changes merged, nothing lost."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Generic, TypeVar

K = TypeVar("K")


class Changes(Generic[K]):
    """A set of changed keys per reader. A reader that is slow sees each key once, however often it changed.

    `announce` may be called from the event loop's thread only. No I/O.
    """

    def __init__(self) -> None:
        self._readers: dict[object, tuple[dict[K, None], asyncio.Event]] = {}

    def announce(self, *keys: K) -> None:
        """Tell every reader that `keys` changed."""
        for pending, wake in self._readers.values():
            pending.update(dict.fromkeys(keys))
            wake.set()

    async def follow(self, first: Iterable[K] = ()) -> AsyncIterator[K]:
        """Yield `first`, then every key that is announced from the first step of this iterator on."""
        me = object()
        pending: dict[K, None] = dict.fromkeys(first)
        wake = asyncio.Event()
        if pending:
            wake.set()
        self._readers[me] = (pending, wake)
        try:
            while True:
                await wake.wait()
                wake.clear()
                while pending:
                    key = next(iter(pending))
                    del pending[key]
                    yield key
        finally:
            del self._readers[me]
