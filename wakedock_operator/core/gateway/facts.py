"""What a gateway knows about one service when it decides."""

import math
from dataclasses import dataclass

from wakedock_operator.core.observation import Instance, Observation
from wakedock_operator.core.status import ReportKind, Status

from .memory import Memory

TURN = 0.05
"""Seconds between the reports of two gateways that take turns: written at the same moment, one is refused."""
OTHERS_FIRST = 1.0
"""Seconds for which a gateway that is idle lets those before it say first that they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a gateway knows about one service."""

    gateway: str
    status: Status
    """As last seen; it may lag behind."""
    memory: Memory
    steering: str | None
    """Where requests are sent now; None for the hold."""
    held: bool
    """Requests are parked here."""
    wanted: bool = False
    """A waiting page's visitor or a waking dependant needs it, without a parked request."""
    refusing: bool = False
    """What is held is to be refused: suspended, ended, or a failed start whose back-off runs."""
    in_flight: bool = False
    """The last answered look of this drain found something in flight."""
    lasting: bool = False
    """What this drain waits for has been in flight for so long that those who read the status are told."""
    quiet: bool = False
    """This drain: steered to the hold, an answered look, the quiet moment, then one zero."""
    idle: bool = False
    """The idle time-out has passed without a request."""
    idle_for: float = math.inf
    """Seconds since then."""
    in_vain: bool = False
    """Something waits here for so long, although the service is `Awake`, that those who read the status are told."""
    patience_over: bool = False
    """Something waits here for longer than `drainPatience`."""
    backend: Observation | None = None
    """The last consistent look since the last start, fence or change, in this epoch or as `keeps_look` says; None: look first."""
    answered: str | None = None
    """The instance that answered a probe, not doubted since by a request that came back."""
    dependencies_ready: bool = True
    dependency_sleeps: bool = False
    """Something it depends on, directly or not, sleeps by force as soon as this one does."""
    may_start: bool = True
    """No back-off after a failure runs here."""
    stopping: bool = False
    """The stop of a forced drain has a head start before the word about what waits, which would void it."""

    @property
    def asked(self) -> bool:
        """Somebody waits for this service."""
        return (self.held or self.wanted) and not self.refusing

    @property
    def said(self) -> ReportKind | None:
        """What this gateway says about the present epoch."""
        return self.status.report_of(self.gateway)

    @property
    def said_holding(self) -> bool:
        """It says that requests wait here."""
        entry = self.status.entry_of(self.gateway)
        return entry is not None and entry.epoch == self.memory.epoch and entry.holding

    @property
    def overdue(self) -> bool:
        """Something has waited here for too long for the forced sleep of what it depends on; once said, that stands for the epoch."""
        entry = self.status.entry_of(self.gateway)
        said = entry is not None and entry.epoch == self.memory.epoch and entry.overdue
        return said or (self.dependency_sleeps and self.patience_over)

    @property
    def others_come_first(self) -> bool:
        """Gateways before this one are about to say that they are idle too."""
        before = (entry.gateway for entry in self.status.gateways if entry.gateway < self.gateway)
        said = all(self.status.report_of(other) is ReportKind.IDLE for other in before)
        return not said and self.idle_for < turn(self.status, self.gateway)

    @property
    def target(self) -> Instance | None:
        """Where a request may go, by the last look: an instance that is not terminating, nor about to be.

        Nobody begins to go by the address that stays while something that ends can be behind it.
        """
        if self.backend is None:
            return None
        backend = self.backend.under(self.status)
        found = backend.live[-1] if backend.live else None
        if found is not None and found == backend.stable and backend.terminating and self.steering != found.address:
            return None
        return found

    @property
    def answers(self) -> bool:
        """That instance has answered a probe."""
        return self.target is not None and self.answered == self.target.id

    @property
    def meanwhile(self) -> Instance | None:
        """Where a request may go as long as the version that is being rolled out does not answer.

        The address that stays leads to the one before.
        """
        if self.backend is None or not self.backend.rolling or self.backend.terminating or self.answers:
            return None
        return self.backend.stable


def turn(status: Status, gateway: str) -> float:
    """For how long this gateway lets others say first that they are idle; seconds since it is."""
    return OTHERS_FIRST + TURN * status.before(gateway)
