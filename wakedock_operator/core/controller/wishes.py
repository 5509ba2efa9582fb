"""What definition, people, schedule and dependants want of a service: reasons to end it, to put it to sleep by force, to wake it."""

from wakedock_operator.core.status import Drain, DrainReason, Status, WakeReason

from .facts import Facts

INTERRUPTIONS = frozenset(
    {
        DrainReason.SUSPENDED,
        DrainReason.SHUTDOWN,
        DrainReason.START_FAILED,
        DrainReason.DEPENDENCY_SLEEPS,
        DrainReason.DEFINITION_CHANGED,
    }
)
"""Sleeps inside an `Awake` window that nobody wanted of this very service: it wakes again as soon as it may."""


def ended_by(facts: Facts) -> DrainReason | None:
    """Why a service is not to run, whoever asks for it: awake it is drained, waking it is given up; None when it may run."""
    reasons: tuple[tuple[DrainReason, bool], ...] = (
        (DrainReason.REMOVED, not facts.defined),
        (DrainReason.SHUTDOWN, facts.shutdown),
        (DrainReason.SUSPENDED, facts.suspended),
    )
    return next((reason for reason, holds in reasons if holds), None)


def forced_by(facts: Facts, status: Status) -> Drain | None:
    """The forced drain that an awake service is due for, by the first reason that holds; None for none."""
    ending = ended_by(facts)
    if ending is not None:
        return Drain(ending, forced=True)
    reasons: tuple[tuple[DrainReason, bool], ...] = (
        (DrainReason.REQUESTED, facts.sleep_wish not in ("", status.handled.sleep)),
        (DrainReason.DEPENDENCY_SLEEPS, facts.dependency_sleeps),
        (DrainReason.DEFINITION_CHANGED, facts.backend.outdated and bool(facts.backend.live) and not facts.postponed),
        (DrainReason.SCHEDULED, _begins_to_sleep(facts, status)),
        (DrainReason.SCALED_TO_ZERO, facts.backend.generation is not None and facts.backend.desired == 0 and not status.holding),
    )
    reason = next((reason for reason, holds in reasons if holds), None)
    if reason is None:
        return None
    rewake = reason is DrainReason.DEFINITION_CHANGED or (reason is DrainReason.DEPENDENCY_SLEEPS and facts.dependency_rewakes)
    return Drain(reason, forced=True, rewake=rewake)


def wanted_by(facts: Facts, status: Status) -> WakeReason | None:
    """Why a sleeping service is to be woken without a request; None when it is not."""
    if ended_by(facts) is not None or facts.dependency_sleeps:
        return None
    reasons: tuple[tuple[WakeReason, bool], ...] = (
        (WakeReason.COMMAND, _asked_to_wake(facts, status)),
        (WakeReason.DEFINITION_CHANGED, status.drain is not None and status.drain.rewake),
        (WakeReason.PIN, _pinned(facts, status)),
        (WakeReason.SCHEDULE, _begins_to_wake(facts, status) or _interrupted(facts, status)),
        (WakeReason.DEPENDANT, facts.needed or facts.supports),
        (WakeReason.SCALED, facts.backend.desired > 0 and not status.busy and scaled(facts, status)),
    )
    return next((reason for reason, holds in reasons if holds), None)


def overrules(facts: Facts, status: Status) -> bool:
    """Whether a sleeping service is wanted by what is newer than a sleep of what it depends on: that sleep gives way."""
    newer = _asked_to_wake(facts, status) or _pinned(facts, status) or _begins_to_wake(facts, status)
    return newer and ended_by(facts) is None


def taken_back(facts: Facts, status: Status) -> WakeReason | None:
    """What is newer than the sleep that somebody asked for, or its schedule, and that a drain goes on for; None for nothing."""
    wanted = status.drain is not None and status.drain.reason in {DrainReason.REQUESTED, DrainReason.SCHEDULED}
    if not wanted or ended_by(facts) is not None or facts.dependency_sleeps:
        return None
    reasons: tuple[tuple[WakeReason, bool], ...] = (
        (WakeReason.COMMAND, _asked_to_wake(facts, status)),
        (WakeReason.PIN, facts.newly_pinned),
        (WakeReason.SCHEDULE, _begins_to_wake(facts, status)),
    )
    return next((reason for reason, holds in reasons if holds), None)


def kept(facts: Facts) -> bool:
    """Whether it is pinned, or kept awake by its schedule."""
    pin, window = facts.situation.pinned_until, facts.window
    return (pin is not None and pin > facts.now) or (window is not None and window.awake)


def _asked_to_wake(facts: Facts, status: Status) -> bool:
    return facts.wake_wish not in {"", status.handled.wake}


def _pinned(facts: Facts, status: Status) -> bool:
    pin = facts.situation.pinned_until
    return pin is not None and pin > facts.now and facts.sleep_wish in {"", status.handled.sleep}


def _begins_to_sleep(facts: Facts, status: Status) -> bool:
    """An `Asleep` window has begun. It waits for pins, and for what a dependant is kept awake for."""
    window = facts.window
    begun = window is not None and not window.awake and window.began != status.handled.schedule
    return begun and not facts.backend.rolling and not kept(facts) and not facts.dependant_kept


def _begins_to_wake(facts: Facts, status: Status) -> bool:
    """An `Awake` window has begun."""
    window = facts.window
    return window is not None and window.awake and window.began != status.handled.schedule


def _interrupted(facts: Facts, status: Status) -> bool:
    """An `Awake` window goes on after something else ended the app."""
    window, drain = facts.window, status.drain
    return window is not None and window.awake and drain is not None and drain.reason in INTERRUPTIONS and not facts.dependency_rests


def scaled(facts: Facts, status: Status) -> bool:
    """What is asked of the workload changed since `Asleep` was written: what runs now is somebody else's wish."""
    return facts.backend.generation is not None and facts.backend.generation != status.generation
