"""Definitions in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from itertools import count

from wakedock_operator.ports.catalog import Entry, Problem, Snapshot, Wishes
from wakedock_operator.ports.changes import Changes
from wakedock_operator.resource import Key, WakeService


class FakeCatalog:
    """The whole port over one source, without durability. A test defines services, ends them, and makes the source unreadable."""

    source = "memory"

    def __init__(self) -> None:
        self._entries: dict[Key, Entry] = {}
        self._remembered: dict[Key, Entry] = {}
        """What was served once and is not forgotten: its uid, place and generation."""
        self._orders = count(1)
        self._uids = count(1)
        self._readable = True
        self._snapshot = Snapshot()
        self._changes: Changes[None] = Changes()

    def __repr__(self) -> str:
        return f"<FakeCatalog of {', '.join(map(str, self._entries))}>"

    # What a test decides.

    def define(self, *services: WakeService) -> None:
        """The source shows these definitions, new ones or changed ones."""
        for service in services:
            before = self._remembered.get(service.key)
            if before is None:
                entry = Entry(service, f"uid-{next(self._uids)}", 1, next(self._orders), self.source)
            else:
                changed = before.service.spec != service.spec
                entry = replace(before, service=service, generation=before.generation + changed, problem=None)
            self._remembered[service.key] = self._entries[service.key] = entry
        self._publish()

    def give_port(self, key: Key, port: int) -> None:
        """The service has a port for its callers."""
        self._remembered[key] = self._entries[key] = replace(self._entries[key], callers_port=port)
        self._publish()

    def spoil(self, key: Key, problem: str) -> None:
        """The newest definition is broken; the last good one stays."""
        self._remembered[key] = self._entries[key] = replace(self._entries[key], problem=problem)
        self._publish()

    def end(self, *keys: Key) -> None:
        """The source does not show these services any more."""
        for key in keys:
            del self._entries[key]
        self._publish()

    def readable(self, *, readable: bool) -> None:
        """Whether the source can be read. While it cannot, nothing is defined, changed or ended."""
        self._readable = readable
        for key, entry in self._entries.items():
            self._entries[key] = replace(entry, problem=None if readable else f"{self.source} cannot be read")
        self._publish()

    # The port.

    def current(self) -> Snapshot:
        """See Catalog."""
        return self._snapshot

    async def changes(self) -> AsyncIterator[Snapshot]:
        """See Catalog."""
        async for _ in self._changes.follow((None,)):
            yield self.current()

    async def ask(
        self, key: Key, *, wake: str | None = None, sleep: str | None = None, keep_awake_until: datetime | None = None, unpin: bool = False
    ) -> Wishes:
        """See Catalog."""
        entry = self._entries[key]
        old = entry.wishes
        wishes = Wishes(
            wake=old.wake if wake is None else wake,
            sleep=old.sleep if sleep is None else sleep,
            keep_awake_until=None if unpin else keep_awake_until or old.keep_awake_until,
        )
        self._remembered[key] = self._entries[key] = replace(entry, wishes=wishes)
        self._publish()
        return wishes

    async def forget(self, key: Key, uid: str) -> None:
        """See Catalog."""
        remembered = self._remembered.get(key)
        if remembered is not None and remembered.uid == uid and key not in self._entries:
            del self._remembered[key]

    def _publish(self) -> None:
        unreadable = () if self._readable else (self.source,)
        problems = tuple(Problem(source, "cannot be read") for source in unreadable)
        snapshot = Snapshot(dict(self._entries), problems, unreadable)
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            self._changes.announce(None)
