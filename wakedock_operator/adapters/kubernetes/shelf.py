"""What is known of all WakeServices, in memory: fed by a watch and by the answers to own writes, read by the catalogue and the board."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import structlog

from wakedock_operator.adapters.kubernetes.client import Raw
from wakedock_operator.adapters.kubernetes.fitting import Fitting
from wakedock_operator.adapters.kubernetes.objects import Accepts, Seen, key_of, read_object
from wakedock_operator.adapters.kubernetes.ownership import Ownership
from wakedock_operator.core.status import Status
from wakedock_operator.ports.catalog import Entry, Problem, Snapshot
from wakedock_operator.ports.changes import Changes
from wakedock_operator.resource import Key

BATCH = 0.02
"""Seconds for which changed definitions are gathered before readers are told: ten thousand that come one by one make a few snapshots."""
REMEMBERED_ENDS = 10_000
"""How many ended objects are remembered, so that an answer that comes late brings none of them back."""

log = structlog.get_logger(__name__)


class Shelf:
    """Of each object the newest version that was shown. Everything here happens in the event loop's thread; no I/O.

    Until `replace_all` was called once, nothing is known: the snapshot says that its source is unreadable.

    Who only looks `heeds_conditions`: what the operator refused is not served, for reasons that stand in the operator's settings, too.
    """

    def __init__(self, accepts: Accepts, *, source: str = "the API server", heeds_conditions: bool = False) -> None:
        self.synced = asyncio.Event()
        self.statuses: Changes[Key] = Changes()
        """Keys whose status changed, came or went."""
        self.definitions: Changes[None] = Changes()
        """Some definition, wish or problem changed."""
        self._accepts = accepts
        self._source = source
        self._heeds_conditions = heeds_conditions
        self._seen: dict[Key, Seen] = {}
        """As read: whether another one has its workload is asked at each look."""
        self._ownership = Ownership()
        self._fitting = Fitting()
        self._ended: dict[str, None] = {}
        self._listed: set[str] = set()
        self._snapshot: Snapshot | None = None
        self._newest: dict[str, int] = {}
        """Of each namespace the newest version up to which its watch has shown everything."""
        self._told: Mapping[str, int] = {}
        self._telling: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Shelf {len(self._seen)} services{'' if self.synced.is_set() else ', not synced'}>"

    def put(self, raw: Raw) -> None:
        """Take in an object as a watch or a list showed it, after everything of its namespace that is older."""
        self.learn(raw)
        metadata = raw["metadata"]
        self._newest[metadata["namespace"]] = max(self._newest.get(metadata["namespace"], 0), int(metadata["resourceVersion"]))

    def learn(self, raw: Raw) -> None:
        """Take in an object as an answer showed it: older changes of others may come later. An older version changes nothing."""
        key = key_of(raw)
        if raw["metadata"].get("deletionTimestamp"):
            self.drop(raw)
            return
        uid, before = raw["metadata"]["uid"], self._seen.get(key)
        if uid in self._ended or (before is not None and before.version >= int(raw["metadata"]["resourceVersion"])):
            return
        if before is not None and before.uid != uid:
            self._end(before)
        seen = read_object(raw, before, self._accepts)
        self._seen[key] = seen
        if before is None or before.entry is not seen.entry or before.problem != seen.problem or self._heeded(before) != self._heeded(seen):
            self._own(before, seen)
            problem = self._served(seen).problem
            if problem is not None and (before is None or before.problem != problem):
                log.warning("not served as defined", service=str(key), problem=problem)
            self._changed()
        if before is None or before.status != seen.status:
            self.statuses.announce(key)

    def drop(self, raw: Raw) -> None:
        """The object is gone."""
        before = self._seen.get(key_of(raw))
        if before is not None and before.uid == raw["metadata"]["uid"]:
            self.end(before.key, before.uid)

    def end(self, key: Key, uid: str) -> None:
        """The object `uid` was found to be gone."""
        self._ended[uid] = None
        while len(self._ended) > REMEMBERED_ENDS:
            del self._ended[next(iter(self._ended))]
        before = self._seen.get(key)
        if before is None or before.uid != uid:
            return
        del self._seen[key]
        self._own(before, None)
        self._changed()
        self.statuses.announce(key)

    def forget(self, uids: Iterable[str]) -> None:
        """These objects were found to be gone."""
        gone = frozenset(uids)
        for seen in [seen for seen in self._seen.values() if seen.uid in gone]:
            self.end(seen.key, seen.uid)

    def replace_all(self, raws: Iterable[Raw]) -> None:
        """Take in a consistent list: what is not in it is gone."""
        self._replace(raws, None)
        self.synced.set()
        self._changed()

    def replace_in(self, namespace: str, raws: Iterable[Raw], *, of: int) -> None:
        """Take in a consistent list of one of so many namespaces; everything is known after the first list of each."""
        self._replace(raws, namespace)
        self._listed.add(namespace)
        if len(self._listed) == of:
            self.synced.set()
        self._changed()

    def _replace(self, raws: Iterable[Raw], namespace: str | None) -> None:
        there: set[str] = set()
        for raw in raws:
            there.add(raw["metadata"]["uid"])
            self.put(raw)
        known = [seen for seen in self._seen.values() if namespace in (None, seen.key.namespace)]
        for seen in known:
            if seen.uid not in there:
                self.end(seen.key, seen.uid)

    def seen(self, key: Key) -> Seen | None:
        """What is known of one object."""
        seen = self._seen.get(key)
        return None if seen is None else self._served(seen)

    def entry(self, key: Key) -> Entry | None:
        """Its definition as it is served."""
        seen = self.seen(key)
        return None if seen is None else seen.entry

    def refused(self) -> Iterator[Seen]:
        """Objects that could never be served."""
        return (seen for seen in self._all() if seen.entry is None and seen.problem is not None)

    def status(self, key: Key) -> Status | None:
        """Its status; None for one without a definition that can be served: it is left as it is, and not taken for one that has ended."""
        seen = self.seen(key)
        return None if seen is None or seen.entry is None else seen.status

    def replicas(self, key: Key) -> int | None:
        """How many instances its workload last had, as its status says."""
        status = self.status(key)
        return None if status is None else status.replicas

    def keys(self) -> frozenset[Key]:
        """Every object that has a definition and a status."""
        return frozenset(seen.key for seen in self._all() if seen.entry is not None and seen.status is not None)

    def uids(self) -> frozenset[str]:
        """Every object that is known."""
        return frozenset(seen.uid for seen in self._seen.values())

    @property
    def told(self) -> Mapping[str, int]:
        """Of each namespace the newest version up to which readers of definitions were told of every change."""
        return self._newest if self._telling is None else self._told

    def snapshot(self) -> Snapshot:
        """All definitions at this moment; made anew only after a change."""
        if self._snapshot is None:
            self._snapshot = Snapshot(
                entries=self._fitting.fitted({seen.key: seen.entry for seen in self._all() if seen.entry is not None}),
                problems=tuple(
                    Problem(str(seen.key), f"{seen.key}: {seen.problem}", seen.key) for seen in self._all() if seen.problem is not None
                ),
                unreadable=() if self.synced.is_set() else (self._source,),
                versions=dict(self._newest),
            )
        return self._snapshot

    def _all(self) -> Iterator[Seen]:
        return (self._served(seen) for seen in self._seen.values())

    def _served(self, seen: Seen) -> Seen:
        """`seen`, without its definition where another one has its workload, or the operator's word against it is heeded."""
        if seen.entry is None:
            return seen
        refusal = self._ownership.refusal(seen.entry) or self._heeded(seen)
        return seen if refusal is None else replace(seen, entry=None, problem=refusal)

    def _heeded(self, seen: Seen) -> str | None:
        return seen.told if self._heeds_conditions else None

    def _own(self, before: Seen | None, seen: Seen | None) -> None:
        if before is not None and before.entry is not None:
            self._ownership.release(before.entry)
        if seen is not None and seen.entry is not None:
            self._ownership.claim(seen.entry)

    def _end(self, before: Seen) -> None:
        self._ended[before.uid] = None

    def _changed(self) -> None:
        self._snapshot = None
        if self._telling is None:
            self._told = dict(self._newest)
            self._telling = asyncio.get_running_loop().call_later(BATCH, self._tell)

    def _tell(self) -> None:
        self._telling = None
        self.definitions.announce(None)
