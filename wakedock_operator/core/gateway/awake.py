"""While `Awake`: *Sleep* 1, and *A hold while `Awake`*."""

from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import ReportKind

from .facts import Facts
from .steps import Grant, Observe, Probe, Rest, Say, Start, Steer, Step


def decide(facts: Facts) -> Step:
    """Grant to what answers; start again what crashed or was scaled to zero; report idleness as it comes and goes."""
    backend = facts.backend
    if facts.asked or facts.steering is None or backend is None:
        if backend is None:
            return Observe()
        target = facts.meanwhile or facts.target
        if target is None:
            if facts.steering is not None:
                return Steer(None)
            if facts.asked and backend.desired == 0 and facts.may_start and facts.dependencies_ready:
                return Start()
        elif facts.answered != target.id:
            return _news(facts, unanswered=True) or Probe(target)
        elif facts.asked:
            return Grant(target)
        elif facts.steering is None and target.address:
            return Steer(target.address)
    elif (better := _elsewhere(facts, backend)) is not None:
        return better
    news = _news(facts, unanswered=False)
    if news is not None:
        return news
    return Rest("for the app" if facts.asked else "for a request" if facts.idle else "for idleness")


def _news(facts: Facts, *, unanswered: bool) -> Step | None:
    """*Sleep* 1: that an awake service is idle, or not any more; and whether requests wait in vain, which holds until something answers."""
    said = facts.said
    if facts.idle and not facts.asked:
        return None if said is ReportKind.IDLE or facts.others_come_first else Say(ReportKind.IDLE, holding=False)
    if said is ReportKind.IDLE:
        return Say(ReportKind.BUSY, holding=facts.held)
    told = facts.said_holding
    holding = facts.in_vain or (told and (facts.held or unanswered))
    return None if holding is told else Say(ReportKind.BUSY, holding=holding)


def _elsewhere(facts: Facts, backend: Observation) -> Step | None:
    """Away from where requests go now; None to stay.

    To the address that stays, once it answers itself and nothing that ends can be behind it; to the hold, where nothing runs there.
    """
    stable = backend.stable
    if stable is None:
        return Steer(None) if facts.target is None else None
    if facts.steering == stable.address:
        return None
    if backend.terminating:
        return None if any(i.address == facts.steering for i in backend.live) else Steer(None)
    return Steer(stable.address) if facts.answered == stable.id else Probe(stable)
