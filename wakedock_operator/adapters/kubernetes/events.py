"""History as Events of the WakeServices, where `kubectl describe` and `kubectl events` find it."""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from pydantic import TypeAdapter

from wakedock_operator.adapters.kubernetes.client import Api, Raw, resource_path
from wakedock_operator.adapters.kubernetes.errors import ApiError, NotFound
from wakedock_operator.adapters.recent_wakes import RecentWakes
from wakedock_operator.core.status import Asker
from wakedock_operator.ports.journal import Event, EventKind
from wakedock_operator.resource import API_VERSION, KIND, Key

REPORTER = "wakedock.dev/operator"
WHOLE = "wakedock.dev/event"
"""Annotation: all that was recorded, for programs; the note says it to people."""
QUEUED = 1_000
"""Events that wait to be written; the oldest goes when there is one more."""
MAX_NOTE = 1_024
_WARNINGS = frozenset({EventKind.WAKE_FAILED, EventKind.CRASHED, EventKind.REJECTED})

_event: TypeAdapter[Event] = TypeAdapter(Event)

log = structlog.get_logger(__name__)


class KubernetesJournal:
    """`Journal` over Events; how long they are kept is the API server's to say (an hour by default). Keep `run()` running."""

    def __init__(
        self,
        api: Api,
        *,
        instance: str,
        uid_of: Callable[[Key], str | None],
        on_drop: Callable[[int], None],
        namespace: str | None = None,
    ) -> None:
        """`namespace` is the only one that may be read; None for the whole cluster."""
        self._api = api
        self._namespace = namespace
        self._instance = instance
        self._uid_of = uid_of
        self._on_drop = on_drop
        self._queue: deque[Event] = deque()
        self._filled = asyncio.Event()
        self._written = asyncio.Event()
        """Nothing waits to be written."""
        self._written.set()
        self._recent = RecentWakes()

    def __repr__(self) -> str:
        return f"<KubernetesJournal {len(self._queue)} queued>"

    async def run(self) -> None:
        """Write what is recorded until cancelled. An event that the API server does not take is dropped and counted."""
        while True:
            await self._filled.wait()
            while self._queue:
                event = self._queue.popleft()
                try:
                    await self._write(event)
                except ApiError as error:
                    if not isinstance(error, NotFound):  # the namespace is gone: nobody asks for its history
                        self._on_drop(1)
                        log.warning("an event could not be written", service=str(event.key), kind=str(event.kind), error=str(error))
            self._filled.clear()
            self._written.set()

    def record(self, event: Event) -> None:
        self._recent.record(event)
        self._queue.append(event)
        if len(self._queue) > QUEUED:
            self._queue.popleft()
            self._on_drop(1)
        self._filled.set()
        self._written.clear()

    async def events(self, *, key: Key | None = None, kind: EventKind | None = None, limit: int = 100) -> Sequence[Event]:
        await self._written.wait()
        path = resource_path("events.k8s.io/v1", "events", namespace=self._namespace if key is None else key.namespace)
        selector = f"regarding.kind={KIND}" + ("" if key is None else f",regarding.name={key.name}")
        found = [event for raw in await self._api.read_all(path, fieldSelector=selector) if (event := _read(raw)) is not None]
        found.sort(key=lambda event: event.at, reverse=True)
        return tuple(event for event in found if kind is None or event.kind is kind)[:limit]

    async def typical_wake(self, key: Key) -> float | None:
        return await self._recent.typical_wake(key)

    async def _write(self, event: Event) -> None:
        at = event.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        body: Raw = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{event.key.name}.{secrets.token_hex(8)}",
                "namespace": event.key.namespace,
                "annotations": {WHOLE: _event.dump_json(event).decode()},
            },
            "eventTime": at,
            "reportingController": REPORTER,
            "reportingInstance": self._instance[:128],
            "action": event.kind.value,
            "reason": event.kind.value,
            "type": severity(event.kind),
            "note": note(event),
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": event.key.name,
                "namespace": event.key.namespace,
                "uid": self._uid_of(event.key) or "",
            },
        }
        await self._api.create(resource_path("events.k8s.io/v1", "events", namespace=event.key.namespace), body)


def severity(kind: EventKind) -> str:
    """The `type` of the Event: `Warning` for what somebody should look at."""
    return "Warning" if kind in _WARNINGS else "Normal"


def note(event: Event) -> str:
    """The Event's words for people."""
    parts = [event.reason, event.message, _asked(event.asker)]
    if "granted" in event.phases:
        parts.append(f"after {event.phases['granted']:.1f} s")
    return ": ".join(part for part in parts if part)[:MAX_NOTE]


def _asked(asker: Asker | None) -> str:
    if asker is None:
        return ""
    by = f" by {asker.user_agent[:100]}" if asker.user_agent else ""
    return f"{asker.method} {asker.host}{asker.path[:200]} from {asker.client}{by}".strip()


def _read(raw: Raw) -> Event | None:
    regarding: dict[str, Any] = raw.get("regarding") or {}
    whole = (raw["metadata"].get("annotations") or {}).get(WHOLE)
    try:
        if whole is not None:
            return _event.validate_json(whole)
        kind = EventKind(raw.get("reason") or "")
        at = datetime.fromisoformat(raw.get("eventTime") or raw["metadata"]["creationTimestamp"])
        return Event(at, Key(regarding["namespace"], regarding["name"]), kind, message=raw.get("note") or "")
    except (ValueError, KeyError):
        return None
