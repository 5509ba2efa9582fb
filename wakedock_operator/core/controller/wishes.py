"""What definition, people, schedule and dependants want of a service: reasons to end it, to put it to sleep by force, to wake it."""

from wakedock_operator.core.status import Drain, DrainReason, Status, WakeReason

from .facts import Facts


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
    window = facts.window
    reasons: tuple[tuple[DrainReason, bool], ...] = (
        (DrainReason.REQUESTED, facts.sleep_wish not in ("", status.handled.sleep)),
        (DrainReason.DEPENDENCY_SLEEPS, facts.dependency_sleeps),
        (DrainReason.DEFINITION_CHANGED, facts.backend.outdated and bool(facts.backend.live)),
        (
            DrainReason.SCHEDULED,
            window is not None and not window.awake and window.began != status.handled.schedule and not facts.backend.rolling,
        ),
        (DrainReason.SCALED_TO_ZERO, facts.backend.generation is not None and facts.backend.desired == 0 and not status.holding),
    )
    reason = next((reason for reason, holds in reasons if holds), None)
    if reason is None:
        return None
    return Drain(reason, forced=True, rewake=reason is DrainReason.DEFINITION_CHANGED)


def wanted_by(facts: Facts, status: Status) -> WakeReason | None:
    """Why a sleeping service is to be woken without a request; None when it is not."""
    if ended_by(facts) is not None or facts.dependency_sleeps:
        return None
    pin = facts.situation.pinned_until
    window = facts.window
    reasons: tuple[tuple[WakeReason, bool], ...] = (
        (WakeReason.COMMAND, facts.wake_wish not in ("", status.handled.wake)),
        (WakeReason.DEFINITION_CHANGED, status.drain is not None and status.drain.rewake),
        (WakeReason.PIN, pin is not None and pin > facts.now and facts.sleep_wish in ("", status.handled.sleep)),
        (WakeReason.SCHEDULE, window is not None and window.awake and window.began != status.handled.schedule),
        (WakeReason.DEPENDANT, facts.needed),
        (WakeReason.SCALED, facts.backend.desired > 0 and not status.busy and scaled(facts, status)),
    )
    return next((reason for reason, holds in reasons if holds), None)


def scaled(facts: Facts, status: Status) -> bool:
    """What is asked of the workload changed since `Asleep` was written: what runs now is somebody else's wish."""
    return facts.backend.generation is not None and facts.backend.generation != status.generation
