"""The catalogue of one machine: WakeServices in YAML files, wishes and last good definitions in the data directory."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from wakedock_operator.adapters.files.definitions import Definition, Refusals, read_definitions
from wakedock_operator.adapters.files.remembered import DefinitionStore, Remembered, WishStore
from wakedock_operator.adapters.files.settling import Choice, Settled, settle
from wakedock_operator.adapters.files.sources import Found, absolute, exists, linked, look
from wakedock_operator.adapters.files.watching import touched
from wakedock_operator.ports.catalog import Entry, Problem, Snapshot, Wishes
from wakedock_operator.ports.changes import Changes
from wakedock_operator.resource import Key

DEFINITIONS = "definitions"
WISHES = "wishes"
SETTLED = 1.0
"""Seconds for which a file that lost definitions has to stay as it is before these count as taken out: it may be written piece by piece."""


def _names(definitions: Sequence[Definition]) -> set[Key]:
    return {each.key for each in definitions if each.key is not None}


class FileCatalog:
    """`Catalog` over files and folders. `await load()` once, then keep `run()` running.

    One process owns the data directory (it is locked). A write that fails never hides a definition or a wish: it stays in memory, and the
    snapshot says what will be missing after a restart.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        data: Path,
        refusals: Refusals,
        new_uid: Callable[[], str] = lambda: str(uuid.uuid4()),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._refusals = refusals
        self._paths = absolute(paths)
        self._definitions = DefinitionStore(data / DEFINITIONS)
        self._wish_files = WishStore(data / WISHES)
        self._new_uid = new_uid
        self._remembered: dict[Key, Remembered] = {}
        self._wishes: dict[Key, tuple[str, Wishes]] = {}
        self._unsaved: dict[Path, str] = {}
        self._parsed: dict[Path, tuple[bytes, tuple[Definition, ...]]] = {}
        self._shrunk: dict[Path, tuple[bytes, float]] = {}
        """Files that lost definitions: the bytes that show so, and when they were seen first."""
        self._links: dict[Path, tuple[int, int, int]] = {}
        """Files that are symbolic links, and what tells their present targets."""
        self._entries: dict[Key, Entry] = {}
        self._refused: tuple[Problem, ...] = ()
        self._unreadable: dict[str, str] = {}
        self._snapshot = Snapshot()
        self._changes: Changes[None] = Changes()
        self._reading = asyncio.Lock()
        self._writing = asyncio.Lock()

    def __repr__(self) -> str:
        entries = self._snapshot.entries
        return f"<FileCatalog {', '.join(map(str, self._paths))}: {len(entries)} services, {len(self._snapshot.problems)} problems>"

    @staticmethod
    def absent(paths: Sequence[Path], *, data: Path) -> tuple[Path, ...]:
        """Which of `paths` do not exist, where nothing is remembered in `data`.

        Later starts go on without what is not there: a folder may be mounted a moment after them, and its services stay as they were.
        """
        if not DefinitionStore(data / DEFINITIONS).empty:
            return ()
        return tuple(path for path in absolute(paths) if not exists(path))

    async def load(self) -> Snapshot:
        """Read what is remembered, then the files. Raises nothing: what cannot be read is in the snapshot."""
        async with self._writing:
            self._remembered, definitions = await asyncio.to_thread(self._definitions.load)
            self._wishes, wishes = await asyncio.to_thread(self._wish_files.load)
            self._unsaved = {path: f"what is remembered here cannot be read: {why}" for path, why in {**definitions, **wishes}.items()}
        return await self.reload()

    async def reload(self) -> Snapshot:
        """Read the files again and publish what changed."""
        async with self._reading:
            found, definitions = await asyncio.to_thread(self._read)
            async with self._writing:
                self._entries, self._refused = await asyncio.to_thread(self._accept, found, definitions)
                self._unreadable = {str(path): why for path, why in found.unreadable.items()}
                self._publish()
        return self._snapshot

    async def run(self) -> None:
        """Reload whenever a file changes, until cancelled."""
        async with aclosing(touched(self._paths)) as looks:
            async for seen in looks:
                if (
                    seen
                    or self._unreadable
                    or self._shrunk
                    or (self._links and await asyncio.to_thread(linked, self._links) != self._links)
                ):
                    await self.reload()

    def current(self) -> Snapshot:
        return self._snapshot

    async def changes(self) -> AsyncGenerator[Snapshot, None]:
        async for _ in self._changes.follow((None,)):
            yield self.current()

    async def ask(
        self, key: Key, *, wake: str | None = None, sleep: str | None = None, keep_awake_until: datetime | None = None, unpin: bool = False
    ) -> Wishes:
        if keep_awake_until is not None and keep_awake_until.tzinfo is None:
            raise ValueError("keep_awake_until needs a time zone")
        async with self._writing:
            entry = self._entries[key]
            old = entry.wishes
            wishes = Wishes(
                wake=old.wake if wake is None else wake,
                sleep=old.sleep if sleep is None else sleep,
                keep_awake_until=None if unpin else keep_awake_until or old.keep_awake_until,
            )
            self._wishes[key] = entry.uid, wishes
            self._entries[key] = replace(entry, wishes=wishes)
            self._publish()
            failure = await asyncio.to_thread(self._save_wishes, key, entry.uid, wishes)
            self._publish()
        if failure is not None and wishes.keep_awake_until != old.keep_awake_until:
            raise failure
        return wishes

    async def forget(self, key: Key, uid: str) -> None:
        """Nothing happens when the service is served again, or has another uid. Raises OSError; then it is still remembered."""
        async with self._writing:
            remembered = self._remembered.get(key)
            if remembered is None or remembered.uid != uid or key in self._entries:
                return
            await asyncio.to_thread(self._remove, key)
            del self._remembered[key]
            self._wishes.pop(key, None)
            self._publish()

    def _read(self) -> tuple[Found, list[Definition]]:
        found = look(self._paths)
        self._links = linked(found.files)
        before, now = self._parsed, self._monotonic()
        self._parsed = {file: (content, self._definitions_of(file, content)) for file, content in found.files.items()}
        for file, (content, definitions) in self._parsed.items():
            changed = file in before and content != before[file][0]
            if changed and (file in self._shrunk or _names(before[file][1]) - _names(definitions)):
                self._shrunk[file] = content, now
        self._shrunk = {
            file: (content, since)
            for file, (content, since) in self._shrunk.items()
            if file in found.files and found.files[file] == content and now - since < SETTLED
        }
        found.unsettled.update(self._shrunk)
        return found, [each for _, those in self._parsed.values() for each in those]

    def _definitions_of(self, file: Path, content: bytes) -> tuple[Definition, ...]:
        before = self._parsed.get(file)
        return before[1] if before is not None and before[0] == content else read_definitions(file, content, self._refusals)

    def _accept(self, found: Found, definitions: Sequence[Definition]) -> tuple[dict[Key, Entry], tuple[Problem, ...]]:
        settled = settle(found, definitions, self._remembered)
        self._remember(settled)
        return {key: self._entry(key, choice) for key, choice in settled.choices.items()}, tuple(settled.problems)

    def _remember(self, settled: Settled) -> None:
        """Accept what is good: a new service gets its uid and its place, a changed one its next generation."""
        last = max((each.order for each in self._remembered.values()), default=0)
        for key, choice in settled.choices.items():
            before = self._remembered.get(key)
            if before is None:
                last += 1
                after = Remembered(self._new_uid(), 1, last, choice.source, choice.service)
            else:
                changed = before.service is None or before.service.spec != choice.service.spec
                after = replace(before, generation=before.generation + changed, source=choice.source, service=choice.service)
            path = self._definitions.path(key)
            if after != before or path in self._unsaved:
                self._remembered[key] = after
                try:
                    self._definitions.save(key, after)
                except OSError as error:
                    self._unsaved[path] = f"the definition of {key} cannot be kept for the next start: {error.strerror}; free some space"
                else:
                    self._unsaved.pop(path, None)

    def _entry(self, key: Key, choice: Choice) -> Entry:
        known = self._remembered[key]
        uid, wishes = self._wishes.get(key, ("", Wishes()))
        return Entry(
            service=choice.service,
            uid=known.uid,
            generation=known.generation,
            order=known.order,
            source=str(choice.source),
            wishes=wishes if uid == known.uid else Wishes(),
            problem=choice.problem,
        )

    def _save_wishes(self, key: Key, uid: str, wishes: Wishes) -> OSError | None:
        path = self._wish_files.path(key)
        try:
            self._wish_files.save(key, uid, wishes)
        except OSError as error:
            self._unsaved[path] = (
                f"what was asked of {key} holds only until the next start: {error.strerror}; free some space and ask again"
            )
            return error
        self._unsaved.pop(path, None)
        return None

    def _remove(self, key: Key) -> None:
        self._wish_files.remove(key)
        self._definitions.remove(key)
        for path in (self._wish_files.path(key), self._definitions.path(key)):
            self._unsaved.pop(path, None)

    def _publish(self) -> None:
        unreadable = (Problem(source, f"{source} cannot be read: {why}") for source, why in self._unreadable.items())
        unsaved = (Problem(str(path), why) for path, why in self._unsaved.items())
        snapshot = Snapshot(dict(self._entries), (*self._refused, *unreadable, *unsaved), tuple(self._unreadable))
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            self._changes.announce(None)
