"""What the controller keeps in memory about one service: clocks and pacing only. A restart rebuilds all of it."""

from dataclasses import dataclass
from datetime import datetime

from wakedock_operator.core.backoff import CRASH_LOOP, backoff
from wakedock_operator.core.status import Serving, Status

VETO_HOLDS = 10.0
"""Seconds for which an app's veto is taken as said."""


@dataclass(slots=True)
class Memory:
    """Times are the monotonic clock's, in seconds."""

    made: tuple[str, int] | None = None
    """uid and generation that the backend was given last, whether it could make that or not."""
    made_at: float = 0.0
    unmade: str | None = None
    """Why the workload could not be made."""
    tries: int = 0
    """How often the same was made anew in a short time, or in vain."""
    make_again: float = 0.0
    """When to make the same again, at the earliest."""
    read: tuple[str, int] | None = None
    """uid and version of the status that was decided on last: to hear of it again is no news."""
    epoch: int = -1
    epoch_since: float = 0.0
    leaves: tuple[int, bool] | None = None
    """The epoch, and whether it is due for a forced sleep or on its way to one …"""
    pinned_then: datetime | None = None
    """… until when it was pinned when that was seen first …"""
    rolling_then: bool = False
    """… and whether a new version was being rolled out then."""
    fenced: int = -1
    """The epoch for which this controller fenced."""
    waiting_since: float | None = None
    """Since when gateways ask for a wake in this epoch, or, once that is so, since when its start is under way."""
    starting: bool = False
    """The start is under way."""
    started: bool = False
    """This controller started it, in this epoch."""
    next_probe: float = 0.0
    looked: bool = False
    vetoed: str | None = None
    vetoed_at: float = 0.0
    restarts: int = 0
    """How often this controller started again in this epoch what had crashed."""
    restarted_at: float = 0.0
    mended: bool = False
    """A definition changed that its last failure may have come from."""
    postponed_until: float = 0.0
    """Until when a changed definition that gave way to requests is not tried again."""
    wanted: bool = False
    """Asleep, it was to be woken without a request at the last look."""
    crash: str = ""
    """The last crash that was recorded."""

    def see(self, status: Status, pin: datetime | None, *, rolling: bool, now: float, wall: datetime) -> None:
        """Take in `status` and its epoch; at the first sight of it after a restart its age comes from the wall clock."""
        self.read = status.uid, status.version
        if self.leaves != (status.epoch, status.leaving):
            self.leaves, self.pinned_then, self.rolling_then = (status.epoch, status.leaving), pin, rolling
        if self.epoch == status.epoch:
            return
        age = max(0.0, (wall - status.since).total_seconds()) if self.epoch == -1 else 0.0
        self.epoch, self.epoch_since = status.epoch, now - age
        self.waiting_since, self.starting, self.started, self.looked, self.vetoed = None, False, False, False, None
        self.restarts = 0

    def starts(self, status: Status | None, now: float) -> None:
        """This controller starts it, or starts again what crashed while awake."""
        self.started = True
        if status is not None and status.serving is Serving.AWAKE:
            if now - self.restarted_at > CRASH_LOOP + backoff(self.restarts):
                self.restarts = 0
            self.restarts, self.restarted_at = self.restarts + 1, now

    def may_start(self, status: Status, now: float) -> bool:
        """No back-off after a failed start or a crash runs."""
        if status.serving is Serving.AWAKE:
            return self.restarts == 0 or now - self.restarted_at >= backoff(self.restarts)
        return status.serving is not Serving.ASLEEP or now - self.epoch_since >= self.backoff_of(status)

    def backoff_of(self, status: Status) -> float:
        """The back-off that follows the failures so far."""
        return backoff(status.failures)

    def veto(self, now: float) -> str | None:
        """What the app said, while that holds; None when it is to be asked."""
        return self.vetoed if now - self.vetoed_at < VETO_HOLDS else None
