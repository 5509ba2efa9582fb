"""What keeps an idle service awake: an ordered list of checks, the first that objects wins."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wakedock_operator.resource import Key


class VetoReason(StrEnum):
    """Reasons of the condition `SleepBlocked`."""

    NEVER_SLEEPS = "NeverSleeps"
    PINNED = "Pinned"
    SCHEDULED_AWAKE = "ScheduledAwake"
    WAKE_REQUESTED = "WakeRequested"
    DEPENDANT_AWAKE = "DependantAwake"
    MIN_AWAKE = "MinAwake"
    GATEWAY_BUSY = "GatewayBusy"
    GATEWAY_UNREACHABLE = "GatewayUnreachable"
    APP_VETO = "AppVeto"
    DRAINING_IN_FLIGHT = "RequestsInFlight"
    ROLLOUT = "RolloutInProgress"
    SCALED_BY = "ScaledBy"
    GATEWAY_VERSION = "GatewayVersion"


@dataclass(frozen=True, slots=True)
class Veto:
    """Why a service may not sleep now, in words, and when to look again (seconds from now; None: something else will tell)."""

    reason: VetoReason
    message: str
    again_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the checks look at."""

    now: datetime
    never_sleeps: bool = False
    pinned_until: datetime | None = None
    awake_window_ends: datetime | None = None
    """End of the schedule's present `Awake` window; None outside of one."""
    dependants_awake: tuple[Key, ...] = ()
    min_awake_left: float = 0.0
    """Seconds."""


def never(s: Situation) -> Veto | None:
    """`sleep.mode: Never`."""
    return Veto(VetoReason.NEVER_SLEEPS, "sleep.mode is Never: once awake, it stays awake") if s.never_sleeps else None


def pinned(s: Situation) -> Veto | None:
    """A pin keeps it awake until its time has come."""
    if s.pinned_until is None or s.pinned_until <= s.now:
        return None
    left = (s.pinned_until - s.now).total_seconds()
    return Veto(VetoReason.PINNED, f"pinned awake until {s.pinned_until.isoformat(timespec='seconds')}", left)


def scheduled(s: Situation) -> Veto | None:
    """The schedule keeps it awake until the window ends."""
    if s.awake_window_ends is None:
        return None
    left = (s.awake_window_ends - s.now).total_seconds()
    return Veto(VetoReason.SCHEDULED_AWAKE, f"the schedule keeps it awake until {s.awake_window_ends.isoformat(timespec='seconds')}", left)


def needed(s: Situation) -> Veto | None:
    """A dependency stays up while anything that depends on it is awake."""
    if not s.dependants_awake:
        return None
    names = ", ".join(str(key) for key in s.dependants_awake)
    return Veto(VetoReason.DEPENDANT_AWAKE, f"needed by {names}, which is not asleep")


def young(s: Situation) -> Veto | None:
    """`sleep.minAwake` has not passed since it woke."""
    if s.min_awake_left <= 0:
        return None
    return Veto(VetoReason.MIN_AWAKE, "it woke less than sleep.minAwake ago", s.min_awake_left)


CHECKS: tuple[Callable[[Situation], Veto | None], ...] = (never, pinned, scheduled, needed, young)


def first_veto(situation: Situation) -> Veto | None:
    """The first objection, in the order of `CHECKS`; None when nothing keeps it awake."""
    return next((veto for check in CHECKS if (veto := check(situation)) is not None), None)
