"""*Sleep* 2, and *Forced drain*."""

from wakedock_operator.core.status import ReportKind

from .facts import Facts
from .steps import Grant, LookInFlight, Observe, Probe, Rest, Say, Start, Step
from .waking import wake


def decide(facts: Facts) -> Step:
    """What a drain of either kind asks for."""
    return _forced_drain(facts) if facts.status.forced else _drain(facts)


def _drain(facts: Facts) -> Step:
    """*Sleep* 2: let through to what answers what comes before `Drained` was sent; after that, and where nothing answers, `Busy` first.

    An accepted `Busy` ends this drain `Awake`, so what others scaled to zero meanwhile is started as while `Awake`, whether or not a
    controller is there to write that.
    """
    said = facts.said
    memory = facts.memory
    if facts.asked and (not memory.drained or memory.allowed):
        if facts.backend is None:
            return Observe()
        target = facts.target
        if target is not None and facts.answers:
            return Grant(target)
        if target is not None and said is ReportKind.BUSY:
            return Probe(target)
        if memory.allowed and facts.backend.desired == 0 and facts.may_start and facts.dependencies_ready:
            return Start()
    if facts.asked or facts.in_flight or memory.let_through:
        return Rest("for the drain to end") if said is ReportKind.BUSY else Say(ReportKind.BUSY, holding=facts.held)
    return _drained(facts, said)


def _forced_drain(facts: Facts) -> Step:
    """*Forced drain*: what is held waits without a word, until patience ends."""
    said = facts.said
    if facts.asked and facts.patience_over:
        if said is not ReportKind.BUSY:
            return Say(ReportKind.BUSY, holding=facts.held, overdue=facts.overdue)
        if facts.memory.allowed:
            return wake(facts)
    if facts.memory.let_through:
        return Rest("for the controller") if said is ReportKind.BUSY else Say(ReportKind.BUSY, holding=facts.held)
    return _drained(facts, said)


def _drained(facts: Facts, said: ReportKind | None) -> Step:
    """`Drained` once nothing is in flight and the quiet moment has passed; never after a `Busy` for the same epoch."""
    if said not in {None, ReportKind.IN_FLIGHT}:
        return Rest("for the controller")
    if facts.quiet:
        return Say(ReportKind.DRAINED, holding=False)
    return Say(ReportKind.IN_FLIGHT, holding=False) if facts.lasting and said is None else LookInFlight()
