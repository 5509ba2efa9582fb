"""The shared status: consistent reads, a watch, compare-and-swap, and the gateways' reports."""

from collections.abc import AsyncIterator
from typing import Protocol

from wakedock_operator.core.status import Report, Status
from wakedock_operator.resource import Key


class Conflict(Exception):
    """The status is not the one that was read: read again and decide anew."""


class Board(Protocol):
    """One status per service. Every write is atomic; a reader sees the old one or the new one."""

    @property
    def dies_with_definition(self) -> bool:
        """The status is part of the definition: when that is gone, so is the status."""
        ...

    def view(self, key: Key) -> Status | None:
        """The status as last seen here. It may lag; no grant and no stop rests on it alone. No I/O.

        Never older than what a call here was answered with: a gateway that reported has seen what its report was merged into.
        """
        ...

    async def read(self, key: Key) -> Status | None:
        """The status, consistently: no write that was answered before this call is missing."""
        ...

    def keys(self) -> frozenset[Key]:
        """Every service that has a status."""
        ...

    async def swap(self, key: Key, old: Status | None, new: Status) -> Status:
        """Write `new` in place of `old` and return what was written (with its new version).

        Raises Conflict when the status is no longer `old` (None: there must be none yet), OSError when it cannot be written.
        """
        ...

    async def report(self, key: Key, uid: str, report: Report) -> Status | None:
        """Merge one gateway's entry; returns the whole status it was merged into, None where there is no status of `uid` to merge into."""
        ...

    async def remove(self, key: Key, uid: str) -> None:
        """Remove the status of a service that has ended; nothing happens if it has another uid by now."""
        ...

    def watch(self) -> AsyncIterator[Key]:
        """Every key once, then the keys of statuses that changed. Wakes code up and promises nothing more: changes may be merged."""
        ...
