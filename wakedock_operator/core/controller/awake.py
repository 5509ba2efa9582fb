"""While `Awake`: forced drains, what keeps it from sleeping, *Sleep* 1."""

from dataclasses import replace

from wakedock_operator.core.lifecycle import Change, change
from wakedock_operator.core.status import PROTOCOL, Drain, DrainReason, ReportKind, Status
from wakedock_operator.core.vetoes import Veto, VetoReason, first_veto

from .dependants import GIVES_WAY, dependants_first
from .facts import Facts
from .steps import AskApp, Rest, Step, Write
from .waking import handled_awake, start
from .wishes import forced_by, kept

UNDONE_SLEEPS = 3
"""Sleeps in a row that one and the same undoes, after which it is left awake."""
ASK_AGAIN = 1.0
"""Seconds after which who counts as a gateway is asked again, where nobody could say."""

ROLLOUT = Veto(VetoReason.ROLLOUT, "a new version is being rolled out, and a sleep would end what serves meanwhile")


def decide(facts: Facts, status: Status) -> Step:
    """A drain by force or by idleness, or what keeps it awake."""
    drain = forced_by(facts, status)
    if drain is not None:
        return _force(facts, status, drain)
    if status.drain is not None:
        return Write(replace(status, drain=None))
    crashed = facts.backend.generation is None and not any(i.ready for i in facts.backend.live)
    if crashed and (facts.needed or kept(facts)):
        return start(facts)  # no request of anybody need ever come
    handled = handled_awake(facts, status)
    if handled != status.handled:
        return Write(replace(status, handled=handled))
    veto = first_veto(facts.situation) or _others_veto(facts, status)
    if veto is not None:
        return Rest(veto, veto.again_in)
    veto = _gateways_veto(facts, status)
    if veto is not None:
        return Rest(veto)
    if facts.dependants_up:
        return Rest(dependants_first(facts))
    if facts.asks_app:
        if facts.vetoed is None:
            return AskApp()
        if facts.vetoed:
            return Rest(Veto(VetoReason.APP_VETO, facts.vetoed, 10.0), 10.0)
    return Write(change(status, Change.DRAIN, now=facts.now, drain=Drain(DrainReason.IDLE, forced=False)), Change.DRAIN)


def _force(facts: Facts, status: Status, drain: Drain) -> Step:
    """*Forced drain*, once everything that depends on it sleeps. Until then it is due, unless it gives way to what depends on it."""
    requested = drain.reason is DrainReason.REQUESTED
    due = status.drain == drain
    if requested and not due:
        # A wish to wake from before it is met; one that comes while it waits is newer.
        status = replace(status, handled=replace(status.handled, wake=facts.wake_wish))
    overruled = requested and (facts.newly_pinned or facts.wake_wish not in {"", status.handled.wake})
    withstood = bool(facts.dependants_up) and facts.withstood and drain.reason in GIVES_WAY
    handled = status.handled
    if requested:
        handled = replace(handled, sleep=facts.sleep_wish, wake=facts.wake_wish)
    if drain.reason is DrainReason.SCHEDULED and facts.window is not None:
        handled = replace(handled, schedule=facts.window.began)
    if due and (overruled or withstood):
        return Write(replace(status, handled=handled, drain=None))
    if facts.dependants_up:
        return Rest(dependants_first(facts)) if due else Write(replace(status, drain=drain))
    if requested:
        status = replace(status, undone=0, undone_by="")
    return Write(change(replace(status, handled=handled), Change.FORCE, now=facts.now, drain=drain), Change.FORCE)


def _others_veto(facts: Facts, status: Status) -> Veto | None:
    """What others do with the workload, and who cannot be asked: the checks that come after those of `vetoes`."""
    if facts.unlisted:
        return Veto(VetoReason.GATEWAY_UNREACHABLE, f"nobody can say who is a gateway: {facts.unlisted}", ASK_AGAIN)
    if facts.backend.rolling:
        return ROLLOUT
    if status.undone >= UNDONE_SLEEPS:
        return Veto(
            VetoReason.SCALED_BY,
            f"{status.undone_by} scaled it up again after each of its last {status.undone} sleeps; end that, then ask for a sleep",
        )
    return None


def _gateways_veto(facts: Facts, status: Status) -> Veto | None:
    """*Sleep* 1: every gateway says that it is idle. A missing entry, or one of an older epoch, counts as busy."""
    if any(status.report_of(g) is not ReportKind.IDLE for g in facts.gateways):
        return Veto(VetoReason.GATEWAY_BUSY, "in use: its idle time-out has not passed")
    if not facts.gateways:
        return Veto(VetoReason.GATEWAY_UNREACHABLE, "no gateway is known, so nobody can say that it is idle")
    return of_another_version(facts, status)


def of_another_version(facts: Facts, status: Status) -> Veto | None:
    """A gateway that follows other rules serves and wakes, but nobody may sleep on its word."""
    others = sorted(r.gateway for r in status.gateways if r.gateway in facts.gateways and r.protocol != PROTOCOL)
    if not others:
        return None
    return Veto(VetoReason.GATEWAY_VERSION, f"{', '.join(others)} is of another version of WakeDock; it sleeps again after the upgrade")
