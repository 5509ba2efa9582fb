"""When a service counts as idle.

Idle counts from the first look that finds nothing in flight and no touch. With looks at a twentieth of the time-out, an app is idle between
T and 1.1 T after its last request.
"""

from dataclasses import dataclass, replace

LOOKS_PER_TIMEOUT = 20
SHORTEST_LOOK = 0.02


@dataclass(frozen=True, slots=True)
class Idleness:
    """What the looks at one service have shown. All times are seconds on one monotonic clock."""

    timeout: float
    since: float | None = None
    """The first look of the present run of quiet looks; None while the last look found something."""
    looked: float | None = None
    """The last look."""

    def after_look(self, now: float, *, active: bool) -> "Idleness":
        """The state after a look at `now`."""
        if active:
            return replace(self, since=None, looked=now)
        return replace(self, since=now if self.since is None else self.since, looked=now)

    def idle(self) -> bool:
        """True when the last look was quiet and the time-out had passed by then."""
        return self.since is not None and self.looked is not None and self.looked - self.since >= self.timeout

    def idle_for(self, now: float) -> float:
        """Seconds since the time-out has passed; not above 0 where it has not."""
        return 0.0 if self.since is None else now - self.since - self.timeout

    def next_look(self) -> float:
        """When to look again."""
        if self.looked is None:
            return 0.0
        pace = max(SHORTEST_LOOK, self.timeout / LOOKS_PER_TIMEOUT)
        due = self.looked + pace
        if self.since is None or self.idle():
            return due
        return min(due, max(self.since + self.timeout, self.looked + SHORTEST_LOOK))


def adopted(timeout: float, *, now: float, quiet_for: float) -> Idleness:
    """The state of a service that was awake before a restart, whose last known activity is `quiet_for` seconds ago.

    The time in which nobody looked counts as quiet only because a touch in it would have moved `quiet_for`. A look is due at once: what is
    still in flight is not known yet.
    """
    quiet = max(0.0, min(quiet_for, timeout))
    return Idleness(timeout, since=now - quiet)
