"""What keeps an idle service awake: an ordered list of checks, the first that objects wins."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wakedock_operator.resource import Key


class VetoReason(StrEnum):
    """Reasons of the condition `SleepBlocked`."""

    NEVER_SLEEPS = "NeverSleeps"
    """`sleep.mode` is `Never`."""
    PINNED = "Pinned"
    """Somebody pinned it awake, and the time is not over."""
    SCHEDULED_AWAKE = "ScheduledAwake"
    """The schedule keeps it awake until the window ends."""
    DEPENDANT_AWAKE = "DependantAwake"
    """Something that depends on it is not asleep."""
    MIN_AWAKE = "MinAwake"
    """`sleep.minAwake` has not passed since it woke."""
    GATEWAY_BUSY = "GatewayBusy"
    """It is in use: the idle time-out has not passed at every gateway."""
    GATEWAY_UNREACHABLE = "GatewayUnreachable"
    """A gateway says nothing, or nobody can say who is one. No data means busy."""
    APP_VETO = "AppVeto"
    """The app answered its `sleep.veto` with 409, or not at all."""
    DRAINING_IN_FLIGHT = "RequestsInFlight"
    """It is to sleep, and what is in flight is waited for."""
    ROLLOUT = "RolloutInProgress"
    """A new version is being rolled out; a sleep would end the pods that still serve."""
    SCALED_BY = "ScaledBy"
    """The same somebody undid several sleeps in a row by scaling it up."""
    GATEWAY_VERSION = "GatewayVersion"
    """A gateway follows the rules of another version of WakeDock."""


UNASKED = frozenset(
    {VetoReason.GATEWAY_UNREACHABLE, VetoReason.APP_VETO, VetoReason.ROLLOUT, VetoReason.SCALED_BY, VetoReason.GATEWAY_VERSION}
)
"""What keeps an app awake that nobody uses, and that no definition, pin or dependant asks for: history tells when it begins."""


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
    return Veto(VetoReason.DEPENDANT_AWAKE, f"needed by {names}, which {'is' if len(s.dependants_awake) == 1 else 'are'} not asleep")


def young(s: Situation) -> Veto | None:
    """`sleep.minAwake` has not passed since it woke."""
    if s.min_awake_left <= 0:
        return None
    return Veto(VetoReason.MIN_AWAKE, "it woke less than sleep.minAwake ago", s.min_awake_left)


CHECKS: tuple[Callable[[Situation], Veto | None], ...] = (never, pinned, scheduled, needed, young)


def first_veto(situation: Situation) -> Veto | None:
    """The first objection, in the order of `CHECKS`; None when nothing keeps it awake."""
    return next((veto for check in CHECKS if (veto := check(situation)) is not None), None)
