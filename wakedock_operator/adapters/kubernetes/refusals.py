"""Tells the author of a WakeService that could never be served why: in its status, and as an Event.

One that was served before keeps its last good definition; its conditions say so, and the controller writes them.
"""

import asyncio
from datetime import UTC
from typing import Any

from wakedock_operator.adapters.kubernetes.board import CONTROLLER
from wakedock_operator.adapters.kubernetes.catalog import service_path
from wakedock_operator.adapters.kubernetes.client import Api, PatchType
from wakedock_operator.adapters.kubernetes.errors import Conflict, NotFound
from wakedock_operator.adapters.kubernetes.objects import Seen
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.core.conditions import AcceptedReason, ConditionType, ReadyReason
from wakedock_operator.ports.clock import Clock
from wakedock_operator.ports.journal import Event, EventKind, Journal
from wakedock_operator.resource import Key
from wakedock_operator.workqueue import WorkQueue

STATE = "Refused"


class Refusals:
    """Writes nothing that stands there already."""

    def __init__(self, api: Api, shelf: Shelf, journal: Journal, clock: Clock) -> None:
        self._api = api
        self._shelf = shelf
        self._journal = journal
        self._clock = clock
        self._told: dict[Key, tuple[str, int, str]] = {}
        self._queue: WorkQueue[Key] = WorkQueue(self._work, name="refusals")

    def __repr__(self) -> str:
        return f"<Refusals {len(self._told)} told>"

    async def run(self) -> None:
        """Tell until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._queue.run())
            async for _ in self._shelf.definitions.follow([None]):
                refused = {seen.key: _what(seen) for seen in self._shelf.refused()}
                self._told = {key: told for key, told in self._told.items() if key in refused}
                for key, what in refused.items():
                    if self._told.get(key) != what:
                        self._queue.add(key)

    async def _work(self, key: Key) -> float | None:
        seen = self._shelf.seen(key)
        if seen is None or seen.entry is not None or seen.problem is None:
            return None
        try:
            raw = await self._api.get(service_path(key))
            if raw["metadata"]["uid"] == seen.uid and not _stands(raw.get("status") or {}, seen):
                body = {"metadata": {"uid": seen.uid}, "status": self._status(seen)}
                await self._api.patch(service_path(key, "status"), body, kind=PatchType.MERGE, manager=CONTROLLER)
                self._journal.record(Event(self._clock.now(), key, EventKind.REJECTED, message=seen.problem))
        except (NotFound, Conflict):
            return None
        self._told[key] = _what(seen)
        return None

    def _status(self, seen: Seen) -> dict[str, Any]:
        now = self._clock.now().astimezone(UTC).isoformat()

        def condition(of: ConditionType, reason: str) -> dict[str, Any]:
            what = {"type": of, "status": "False", "reason": reason, "message": seen.problem}
            return what | {"lastTransitionTime": now, "observedGeneration": seen.generation}

        return {
            "observedGeneration": seen.generation,
            "state": STATE,
            "reason": AcceptedReason.INVALID,
            "conditions": [
                condition(ConditionType.ACCEPTED, AcceptedReason.INVALID),
                condition(ConditionType.READY, ReadyReason.NOT_ACCEPTED),
            ],
        }


def _what(seen: Seen) -> tuple[str, int, str]:
    return seen.uid, seen.generation, seen.problem or ""


def _stands(status: dict[str, Any], seen: Seen) -> bool:
    told = [(each.get("type"), each.get("message"), each.get("observedGeneration")) for each in status.get("conditions") or ()]
    return (ConditionType.ACCEPTED, seen.problem, seen.generation) in told
