"""While `Asleep`: *Sleep* 4, the wakes that are begun, go on, or have to end."""

from dataclasses import replace

from wakedock_operator.core.lifecycle import Change, change
from wakedock_operator.core.status import Drain, DrainReason, Status, StopIntent

from .facts import Facts
from .steps import Forget, LastLook, Rest, Step, Stop, Write
from .waking import asked_by, give_up, given_up, start, up, wake
from .wishes import ended_by, scaled, wanted_by


def decide(facts: Facts, status: Status) -> Step:
    """The stop that is owed, the wake that somebody wants or that has to end, or nothing."""
    backend = facts.backend
    named = () if status.stop is None else status.stop.instances
    if any(i.id in named for i in backend.live):
        return Stop(backend.version)
    running = backend.desired > 0 or bool(backend.live)
    if not running and not facts.defined:
        return Rest() if backend.instances else Forget()
    busy = status.busy
    ending = _ends_wake(facts, status)
    if running and ending is not None:
        return Write(change(status, Change.GIVE_UP, now=facts.now, drain=Drain(ending, forced=True)), Change.GIVE_UP)
    wanted = wanted_by(facts, status)
    if not busy and wanted is None:
        return _stop(facts, status) if running else _settle_wishes(facts, status)
    if up(facts, status):
        return wake(facts, status, asked_by(status) if wanted is None else wanted)
    if not busy and not running and not facts.may_start:
        return Rest()
    failure = given_up(facts, status)
    if failure is not None:
        return give_up(facts, status, failure)
    if wanted is not None or (backend.desired > 0 and not status.holding):
        return start(facts)
    return Rest() if running else _settle_wishes(facts, status)


def _ends_wake(facts: Facts, status: Status) -> DrainReason | None:
    """Why a wake that has begun is not to go on; None where it may, and where somebody else's count is what runs.

    A stop is sent only at the generation of `Asleep`, which the start has moved: so the service goes to sleep anew.
    """
    if status.busy:
        return ended_by(facts)
    if facts.backend.desired > 0 and scaled(facts, status) and not facts.backend.scaled_by:
        return ended_by(facts) or (DrainReason.DEPENDENCY_SLEEPS if facts.dependency_sleeps else None)
    return None


def _stop(facts: Facts, status: Status) -> Step:
    """*Sleep* 4, where the stop did not go with the commit: adoption, or a crash in between."""
    if not facts.stops_by_intent:
        ours = facts.backend.desired > 0 and not scaled(facts, status)
        return Stop(facts.backend.version) if ours else Rest()
    if not facts.backend.live:
        return Rest()
    if not facts.looked:
        return LastLook()
    return Write(replace(status, stop=StopIntent(tuple(i.id for i in facts.backend.live))))


def _settle_wishes(facts: Facts, status: Status) -> Step:
    """A wish to sleep is met by a service that sleeps already, and so is the edge of an `Asleep` window."""
    handled = status.handled
    if facts.sleep_wish:
        handled = replace(handled, sleep=facts.sleep_wish)
    if facts.window is not None and not facts.window.awake:
        handled = replace(handled, schedule=facts.window.began)
    return Rest() if handled == status.handled else Write(replace(status, handled=handled))
