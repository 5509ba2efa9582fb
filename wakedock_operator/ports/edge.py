"""Caddy: routes, steering, activity, in-flight requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wakedock_operator.core.routing import Route
from wakedock_operator.resource import Key


class EdgeUnavailable(Exception):
    """The edge did not answer. It is not idle: it is unknown."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of an apply: the services that could not be routed, each with the reason. All others are in force."""

    rejected: Mapping[Key, str]


@dataclass(frozen=True, slots=True)
class InFlight:
    """An answered look at the in-flight list. `took` is how long the answer took, in seconds."""

    counts: Mapping[Key, int]
    took: float
    ignored: Mapping[Key, int] = field(default_factory=dict)
    """How many of them are ignored: they do not keep an app awake, but nobody stops it under them."""

    def counted(self, key: Key) -> int:
        """Requests in flight that keep the app awake."""
        return self.of(key) - self.ignored.get(key, 0)

    def of(self, key: Key) -> int:
        """Requests in flight (or being dialled) for one service, ignored ones included."""
        return self.counts.get(key, 0)


class Edge(Protocol):
    """One gateway's Caddy."""

    @property
    def rejected(self) -> Mapping[Key, str]:
        """What the last apply could not route, with the reasons."""
        ...

    async def apply(self, routes: Sequence[Route], *, longest_wake: float) -> Applied:
        """Bring exactly these routes in force; an equal configuration is not loaded again. Raises EdgeUnavailable."""
        ...

    async def in_flight(self) -> InFlight:
        """One fresh, answered look. Raises EdgeUnavailable."""
        ...

    def steer(self, key: Key, address: str | None) -> None:
        """Send requests to `address`, or to the hold (None): both steering files. Never counts as activity. Raises OSError."""
        ...

    def steering(self, key: Key) -> str | None:
        """Where requests go now; None for the hold, also where there is no file yet. Never counts as activity."""
        ...

    def touched(self, key: Key) -> bool:
        """True when a request came since the last call (or since the last steer); arms for the next look. Ignored requests do not count."""
        ...

    def last_touch(self, key: Key) -> float | None:
        """Last known activity as seconds since the epoch, from the steering file: the idle clock that outlives a restart."""
        ...

    def unsteer(self, key: Key) -> None:
        """Remove the steering of a service that has ended."""
        ...
