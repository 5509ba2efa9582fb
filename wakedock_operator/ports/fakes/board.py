"""A board in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace

from wakedock_operator.core.status import Report, Status
from wakedock_operator.ports.board import Conflict
from wakedock_operator.ports.changes import Changes
from wakedock_operator.resource import Key


class FakeBoard:
    """The whole port, without durability. `Board` of one machine keeps its records behind the same checks."""

    dies_with_definition = False

    def __init__(self) -> None:
        self._statuses: dict[Key, Status] = {}
        self._changes: Changes[Key] = Changes()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={s.serving}@{s.epoch}' for k, s in sorted(self._statuses.items()))})"

    def view(self, key: Key) -> Status | None:
        """See Board."""
        return self._statuses.get(key)

    async def read(self, key: Key) -> Status | None:
        """See Board."""
        return self._statuses.get(key)

    def keys(self) -> frozenset[Key]:
        """See Board."""
        return frozenset(self._statuses)

    async def swap(self, key: Key, old: Status | None, new: Status) -> Status:
        """See Board."""
        present = self._statuses.get(key)
        if _token(present) != _token(old):
            message = f"the status of {key} changed since it was read"
            raise Conflict(message)
        written = replace(new, version=1 if present is None else present.version + 1)
        self._keep(key, written)
        return written

    async def report(self, key: Key, uid: str, report: Report) -> Status | None:
        """See Board."""
        present = self._statuses.get(key)
        if present is None or present.uid != uid:
            return None
        if present.entry_of(report.gateway) == report:
            return present
        written = replace(present.with_report(report), version=present.version + 1)
        self._keep(key, written)
        return written

    async def remove(self, key: Key, uid: str) -> None:
        """See Board."""
        present = self._statuses.get(key)
        if present is not None and present.uid == uid:
            self._drop(key)

    def watch(self) -> AsyncIterator[Key]:
        """See Board."""
        return self._changes.follow(self._statuses)

    def _keep(self, key: Key, status: Status) -> None:
        self._statuses[key] = status
        self._changes.announce(key)

    def _drop(self, key: Key) -> None:
        del self._statuses[key]
        self._changes.announce(key)


def _token(status: Status | None) -> tuple[str, int] | None:
    """What a swap compares: versions count per service, and a successor of the same name is another service."""
    return None if status is None else (status.uid, status.version)
