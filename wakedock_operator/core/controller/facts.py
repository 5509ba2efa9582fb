"""What the controller knows about one service when it decides."""

from dataclasses import dataclass
from datetime import datetime

from wakedock_operator.core.observation import Observation
from wakedock_operator.core.schedule import Window
from wakedock_operator.core.status import Status
from wakedock_operator.core.vetoes import Situation
from wakedock_operator.resource import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything the controller knows about one service."""

    now: datetime
    uid: str
    status: Status | None
    backend: Observation
    """Consistent, and observed before `status` was read."""
    gateways: frozenset[str]
    """Who counts as a gateway."""
    listed: bool = False
    """`gateways` was listed afresh, after `status` was read: who is not in it is gone for good."""
    unlisted: str = ""
    """Why nobody can say who counts as a gateway, where a decision would rest on it."""
    situation: Situation
    defined: bool = True
    """False for a service that has ended."""
    record_dies: bool = False
    """The status is part of the definition: it went with it, and nothing is left to agree on."""
    suspended: bool = False
    wake_wish: str = ""
    sleep_wish: str = ""
    pinned_then: datetime | None = None
    """Until when it was pinned when the sleep that it is due for, or on its way to, was seen first."""
    rolling_then: bool = False
    """Whether a new version was being rolled out when that sleep was seen first."""
    window: Window | None = None
    """The schedule's present window."""
    dependants_up: tuple[Key, ...] = ()
    """What depends on it and is not asleep, or still runs: a sleep waits for these."""
    withstood: bool = False
    """Requests to something that was put to sleep for it have waited for too long, or that is wanted by something newer."""
    dependency_sleeps: bool = False
    """Something it depends on, directly or not, sleeps by force as soon as this one does."""
    dependency_gives_way: bool = False
    """Such a sleep is about to be given up, as requests to this one have waited for too long."""
    dependency_rewakes: bool = False
    """It does so because its definition changed, and wakes again by itself."""
    dependency_rests: bool = False
    """Something it depends on, directly or not, is asleep or going to sleep because somebody, or its schedule, wants it to."""
    dependant_kept: bool = False
    """Something awake that depends on it, directly or not, is pinned or kept awake by its schedule."""
    dependencies_ready: bool = True
    dependency_failed: str = ""
    """Why something that it depends on cannot be woken now; empty when it can."""
    needed: bool = False
    """Something that depends on it, directly or not, is to be woken without a request."""
    supports: bool = False
    """Something that depends on it is awake."""
    mended: bool = False
    """A definition has changed since its start failed: its own, or the one of what its start failed for."""
    postponed: bool = False
    """Its changed definition gave way to requests a short while ago."""
    fail_fast: bool = False
    waited: float = 0.0
    """Seconds since this wake was seen to be asked for by gateways, or since it was seen to be started."""
    timeout: float = 60.0
    """`wake.timeout` in seconds."""
    stops_by_intent: bool = True
    """Stops carry no version of their own beyond this process: an intent on record comes first."""
    looked: bool = False
    """The last look at the in-flight list, just now, found nothing."""
    vetoed: str | None = None
    """What the app said against its sleep; empty when it agreed; None when it was not asked."""
    asks_app: bool = False
    """`sleep.veto` is declared and an instance is there to ask."""
    fenced: bool = False
    """This controller fenced since the status was at this epoch."""
    started: bool = False
    """This controller scaled it up since the status was at this epoch."""
    may_start: bool = True
    """No back-off after a failure runs here."""
    shutdown: bool = False
    """WakeDock ends and `sleep.onExit` is `Sleep`."""

    @property
    def newly_pinned(self) -> bool:
        """It is pinned, and was not so when the sleep that it is due for, or on its way to, began."""
        pin = self.situation.pinned_until
        return pin is not None and pin > self.now and pin != self.pinned_then
