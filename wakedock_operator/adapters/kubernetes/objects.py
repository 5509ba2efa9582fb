"""A WakeService as the API server shows it: what it is, what people ask of it, and its status."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from wakedock_operator.adapters.kubernetes.client import Raw
from wakedock_operator.adapters.kubernetes.status import read_status
from wakedock_operator.core.conditions import AcceptedReason, ConditionType
from wakedock_operator.core.status import Status
from wakedock_operator.ports.catalog import Entry, Wishes
from wakedock_operator.resource import Key, WakeService
from wakedock_operator.resource.errors import mistakes

WAKE, SLEEP, KEEP_AWAKE_UNTIL = "wakedock.dev/wake", "wakedock.dev/sleep", "wakedock.dev/keep-awake-until"
"""Annotations: any new value of the first two acts once, the third is a time as in RFC 3339."""

SERVICE_PORT = "servicePort"
"""In the status: the port of the gateways behind the Service of `spec.service`."""

Accepts = Callable[[WakeService], str | None]
"""Why a definition is not served here; None when it is. No I/O."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One object at one version."""

    key: Key
    uid: str
    version: int
    generation: int
    entry: Entry | None
    """What is served: the last good definition; None while there was none."""
    problem: str | None
    """Why the newest definition is not served."""
    status: Status | None
    unread: str | None = None
    """Which annotation cannot be read, and why."""
    told: str | None = None
    """Why the operator does not serve this generation, as it wrote into the conditions; None where it wrote no such thing."""


def key_of(raw: Raw) -> Key:
    """Whose object it is."""
    return Key(raw["metadata"].get("namespace", "default"), raw["metadata"]["name"])


def read_object(raw: Raw, before: Seen | None, accepts: Accepts) -> Seen:
    """Read an object leniently, with what was seen of it `before`. Raises nothing for what is inside `spec` and `status`."""
    metadata = raw["metadata"]
    key, uid, generation = key_of(raw), metadata["uid"], int(metadata.get("generation") or 1)
    before = before if before is not None and before.uid == uid else None
    status = raw.get("status")
    port = _port(status)
    wishes, unread = _wishes(metadata.get("annotations") or {})
    if (
        before is not None
        and before.entry is not None
        and (before.generation, before.entry.wishes, before.unread) == (generation, wishes, unread)
    ):
        entry, problem = before.entry, before.problem
        if entry.callers_port != port:
            entry = replace(entry, callers_port=port)
    else:
        service, mistake = _service(raw, accepts)
        problem, reason = (mistake, AcceptedReason.KEPT_LAST_GOOD) if mistake is not None else (unread, AcceptedReason.ANNOTATION_IGNORED)
        last = before.entry.service if before is not None and before.entry is not None else None
        if service is None or service == last:
            # The last good definition goes on; and the same one stays the same object, so that readers see what changed.
            service = last
        entry = None
        if service is not None:
            entry = Entry(service, uid, generation, _order(key, metadata), str(key), wishes, problem, reason, port)
    version = int(metadata["resourceVersion"])
    return Seen(
        key, uid, version, generation, entry, problem, read_status(status, uid=uid, version=version), unread, _told(status, generation)
    )


def _told(status: Any, generation: int) -> str | None:
    conditions = status.get("conditions") if isinstance(status, Mapping) else None
    refused = {"type": ConditionType.ACCEPTED, "status": "False", "reason": AcceptedReason.INVALID, "observedGeneration": generation}
    for each in conditions if isinstance(conditions, list) else ():
        if isinstance(each, Mapping) and refused.items() <= each.items():
            return str(each.get("message") or "")
    return None


def _port(status: Any) -> int | None:
    port = status.get(SERVICE_PORT) if isinstance(status, Mapping) else None
    return port if isinstance(port, int) and port > 0 else None


def _service(raw: Raw, accepts: Accepts) -> tuple[WakeService | None, str | None]:
    try:
        service = WakeService.from_stored(raw)
    except ValidationError as error:
        return None, "; ".join(
            f"{each.field}: {each.message}" if each.field else each.message for each in mistakes(error, model=WakeService)
        )
    refusal = accepts(service)
    return (service, None) if refusal is None else (None, refusal)


def _wishes(annotations: Mapping[str, Any]) -> tuple[Wishes, str | None]:
    until, problem = None, None
    text = annotations.get(KEEP_AWAKE_UNTIL)
    if text:
        try:
            until = datetime.fromisoformat(str(text))
            if until.tzinfo is None:
                raise ValueError
        except ValueError:
            until, problem = None, f"metadata.annotations[{KEEP_AWAKE_UNTIL}]: {text!r} is not a time: write it as '2026-03-01T18:00:00Z'"
    return Wishes(str(annotations.get(WAKE) or ""), str(annotations.get(SLEEP) or ""), until), problem


def _order(key: Key, metadata: Mapping[str, Any]) -> int:
    """Who was first: the creation, and something that every process sees alike for those of one second."""
    try:
        created = int(datetime.fromisoformat(str(metadata.get("creationTimestamp"))).timestamp())
    except ValueError:
        created = 0
    return (created << 32) | zlib.crc32(str(key).encode())
