"""One drain at one gateway: when it is certain that nothing is in flight any more.

After steering to the hold: an answered look at the in-flight list (a frozen Caddy is not an idle one), then a quiet moment, then one zero.
Dials to the hold count on the same entry, so several zeros in a row are not asked for.
"""

from dataclasses import dataclass

from wakedock_operator.core.gateway import TURN

QUIET_MOMENT = 0.1
"""At least this many seconds between the first answer and the zero."""
QUIET_ANSWERS = 5
"""… and at least as long as this many of the slowest answers of this drain."""
LAST_TURN = 1.0
"""No gateway waits longer than this on account of others."""
RETRY = 0.05
"""Seconds between two looks at a drain that something in flight holds up …"""
SLOWEST_RETRY = 1.0
"""… which grow to this many with the age of the drain: a connection may stay for hours."""
TOLD_AFTER = 2.0
"""Seconds after which people are told that something in flight holds the drain up."""


@dataclass(slots=True)
class Draining:
    """The looks of one drain. Times are the monotonic clock's, in seconds."""

    epoch: int
    before: int = 0
    """How many other gateways report first."""
    answered_at: float | None = None
    slowest: float = 0.0
    in_flight: bool = False
    """The last look after the quiet moment found something."""
    held_up_since: float | None = None
    """When a look after the quiet moment first found something that the drain waits for."""
    quiet: bool = False
    """Drained."""
    next_look: float = 0.0

    def after_look(self, *, in_flight: bool, took: float, asked_at: float, now: float, ignored: bool = False) -> None:
        """Take in one answered look that was asked for at `asked_at`, took `took` seconds and is answered `now`.

        What is in flight of `ignored` requests keeps the drain waiting, but is no sign that somebody uses the app.
        """
        self.slowest = max(self.slowest, took)
        if self.answered_at is None:
            self.answered_at = now
            self.next_look = now + self._quiet_moment()
            return
        if asked_at - self.answered_at < self._quiet_moment():
            self.next_look = self.answered_at + self._quiet_moment()
            return
        self.in_flight = in_flight
        self.quiet = not in_flight and not ignored
        if not self.quiet and self.held_up_since is None:
            self.held_up_since = now
        self.next_look = now + min(max(RETRY, (now - self.answered_at) / 10), SLOWEST_RETRY)

    def lasts(self, now: float) -> bool:
        """What it waits for does not end soon."""
        return self.held_up_since is not None and now - self.held_up_since >= TOLD_AFTER

    def unanswered(self) -> None:
        """A look got no answer. What stood still goes on at the very moment of the next answer: the quiet moment begins with that one."""
        self.answered_at = None

    def _quiet_moment(self) -> float:
        return max(QUIET_MOMENT, QUIET_ANSWERS * self.slowest) + min(self.before * TURN, LAST_TURN)
