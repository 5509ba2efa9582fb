"""*Sleep* 3, and *Forced drain*."""

from dataclasses import replace

from wakedock_operator.core.lifecycle import Change, change
from wakedock_operator.core.status import DrainReason, ReportKind, Status, StopIntent, WakeReason
from wakedock_operator.core.vetoes import Veto, VetoReason

from .awake import ASK_AGAIN, ROLLOUT, of_another_version
from .dependants import dependants_first
from .facts import Facts
from .steps import LastLook, Rest, Step, Write
from .waking import asked_by, given_up, remembering, up, wake
from .wishes import taken_back

SILENCE = 10.0
"""Seconds of a drain after which a gateway that said nothing is called unreachable."""
LIST_AGAIN = 5.0
"""Seconds after which gateways are listed again in a drain that waits for them."""
WAITS_FOR_ROLLOUTS = frozenset({DrainReason.IDLE, DrainReason.SCHEDULED})
"""Drains that nobody asked for just now: a rollout ends first. Who comes until then is served, as in any drain."""


def decide(facts: Facts, status: Status) -> Step:
    """The outcome of a drain: `Awake` again, `Asleep`, or whom it waits for."""
    said = {g: status.report_of(g) for g in facts.gateways}
    busy = status.busy
    if status.forced:
        newer = taken_back(facts, status)
        if (busy or newer) and up(facts, status):
            return wake(facts, status, newer or asked_by(status))
        if busy and (failure := given_up(facts, status)) is not None and facts.backend.desired == 0:
            return Write(replace(status, failed=failure.id, failures=status.failures + 1))
    elif busy:
        return Write(change(status, Change.UNDRAIN, now=facts.now, woken_by=WakeReason.DRAIN_ENDED), Change.UNDRAIN)
    if facts.unlisted:
        return Rest(Veto(VetoReason.GATEWAY_UNREACHABLE, f"nobody can say who is a gateway: {facts.unlisted}"), ASK_AGAIN)
    foreign = of_another_version(facts, status)
    if foreign:
        return Rest(foreign)
    if not said or any(kind is not ReportKind.DRAINED for kind in said.values()):
        return _waiting_for(facts, status, [g for g in sorted(said) if said[g] is not ReportKind.DRAINED])
    if status.leaving and facts.dependants_up:
        return Rest(dependants_first(facts))
    return _commit(facts, status)


def _commit(facts: Facts, status: Status) -> Step:
    """`Asleep`, which every gateway agrees to; on one machine after a last look, and with what it is about to stop."""
    if facts.backend.rolling and _waits_for_rollout(facts, status):
        return Rest(ROLLOUT)
    if facts.backend.failure is not None:
        # What failed before this sleep is no failure of the next start.
        status = replace(status, failed=facts.backend.failure.id)
    status = remembering(facts, replace(status, generation=facts.backend.generation))
    if not facts.stops_by_intent or not facts.backend.live:
        return Write(change(status, Change.COMMIT, now=facts.now), Change.COMMIT)
    if not facts.looked:
        return LastLook()
    intent = StopIntent(tuple(i.id for i in facts.backend.live))
    return Write(change(status, Change.COMMIT, now=facts.now, stop=intent), Change.COMMIT)


def _waits_for_rollout(facts: Facts, status: Status) -> bool:
    """A person may end a rollout that is under way by asking for a sleep; one that begins later is the newer wish."""
    reason = None if status.drain is None else status.drain.reason
    return reason in WAITS_FOR_ROLLOUTS or (reason is DrainReason.REQUESTED and not facts.rolling_then)


def _waiting_for(facts: Facts, status: Status, gateways: list[str]) -> Rest:
    silent = [g for g in gateways if status.report_of(g) is None]
    carrying = [g for g in gateways if status.report_of(g) is ReportKind.IN_FLIGHT]
    if facts.listed and silent and not status.busy and (facts.now - status.since).total_seconds() >= SILENCE:
        names = ", ".join(silent)
        message = f"{names} says nothing about this drain; if it is gone for good, delete it (kubectl delete pod {' '.join(silent)})"
        return Rest(Veto(VetoReason.GATEWAY_UNREACHABLE, message), LIST_AGAIN)
    message = f"gateway {', '.join(gateways) or 'none'} makes sure that nothing is in flight; then it sleeps"
    if carrying:
        what = "an upload, a slow answer, a stream or a WebSocket is still in flight"
        message = f"{what} at gateway {', '.join(carrying)}; it sleeps after that (sleep.maxConnectionAge sets a limit)"
    return Rest(Veto(VetoReason.DRAINING_IN_FLIGHT, message), LIST_AGAIN if facts.listed else None)
