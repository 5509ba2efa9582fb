"""Keys of what changed, for any number of watchers. Changes of one key that nobody has seen yet are merged."""

import asyncio
from weakref import WeakSet

from wakedock_operator.resource import Key


class Changes:
    """Tells every watcher, never blocks, and forgets watchers that nobody holds any more."""

    def __init__(self) -> None:
        self._watchers: WeakSet[Watcher] = WeakSet()

    def tell(self, key: Key) -> None:
        """Something about `key` changed."""
        for watcher in self._watchers:
            watcher.add(key)

    def watch(self) -> "Watcher":
        """What changes from now on, whether or not it is being iterated yet."""
        watcher = Watcher()
        self._watchers.add(watcher)
        return watcher


class Watcher:
    """One reader of changes, oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[Key, None] = {}
        self._filled = asyncio.Event()

    def __repr__(self) -> str:
        return f"<watcher: {len(self._waiting)} waiting>"

    def add(self, key: Key) -> None:
        """Queue a key."""
        self._waiting[key] = None
        self._filled.set()

    def __aiter__(self) -> "Watcher":
        return self

    async def __anext__(self) -> Key:
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        key = next(iter(self._waiting))
        del self._waiting[key]
        return key
