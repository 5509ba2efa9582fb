"""What Caddy asks while an app does not answer, and what it may be told."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from wakedock_operator.core.status import Asker, FailureReason
from wakedock_operator.resource import Key, WakeService


@dataclass(frozen=True, slots=True)
class Question:
    """One round of one request: this app does not answer, so where should the request go."""

    key: Key
    request_id: str
    """Caddy's id of the request, the same in every round."""
    age: float
    """Seconds since the request arrived at Caddy, all rounds together."""
    asker: Asker


class RefusalReason(StrEnum):
    """Why a held request is answered by WakeDock itself."""

    SUSPENDED = "suspended"
    """The service is out of use: `spec.suspend`."""
    REMOVED = "removed"
    """The service was deleted while the request waited."""
    START_FAILED = "start-failed"
    """The app could not be started."""
    TIMED_OUT = "timed-out"
    """The app was not ready within `wake.timeout`."""
    TOO_MANY_HELD = "too-many-held"
    """As many requests wait as may: for the app (`wake.maxHeld`) or at the gateway."""
    UNKNOWN = "unknown-service"
    """The route leads to a service that the gateway does not know, or knows no more."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A problem instead of the app's answer."""

    reason: RefusalReason
    failure: FailureReason | None = None
    """The class of the cause, for strangers. Never a log line."""
    retry_after: float = 5.0
    """Seconds after which asking again makes sense."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The steering file is right now: Caddy asks the app."""


class Phase(StrEnum):
    """How far a wake has come."""

    ASLEEP = "asleep"
    ASKED = "asked"
    DEPENDENCIES = "dependencies"
    STARTING = "starting"
    STARTED = "started"
    READY = "ready"
    FAILED = "failed"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Progress:
    """What the waiting page shows. Durations in seconds."""

    phase: Phase
    elapsed: float = 0.0
    """Since the wake was asked for."""
    typical: float | None = None
    """Median of past wakes."""
    failure: FailureReason | None = None


class Gatekeeper(Protocol):
    """What the HTTP side of an activator needs from its keeping of services."""

    def service(self, key: Key) -> WakeService | None:
        """The definition that is served; None for a service this gateway does not know (yet)."""
        ...

    async def hold(self, question: Question) -> Granted | Refusal:
        """Park a question until the app can take the request. Cancel it when the client leaves."""
        ...

    def visit(self, question: Question) -> Refusal | None:
        """A visitor gets the waiting page: wake the app without holding anything. Returns a refusal that the page shows instead."""
        ...

    def progress(self, key: Key) -> Progress:
        """How far the wake has come."""
        ...

    def follow(self, key: Key) -> AsyncIterator[Progress]:
        """The present progress, then each change of phase."""
        ...
