"""While `Asleep`: *Wake* 1."""

from wakedock_operator.core.status import ReportKind

from .facts import Facts
from .steps import Observe, Rest, Say, Steer, Step
from .waking import wake


def decide(facts: Facts) -> Step:
    """*Wake* 1: `Busy` before the workload is touched; then on."""
    if not facts.asked:
        if facts.steering is not None and facts.backend is None:
            return Observe()
        if facts.steering is not None and facts.backend is not None and facts.target is None:
            return Steer(None)
        if facts.said_holding and facts.steering is None and not facts.held:
            return Say(ReportKind.BUSY, holding=False, overdue=facts.overdue)
        return Rest("for a request")
    said = facts.said
    if said is not ReportKind.BUSY:
        if facts.stopping:
            return Rest("for the app to stop")
        if facts.dependency_sleeps and not facts.patience_over:
            return Rest("for what it depends on to sleep")
    if said is not ReportKind.BUSY or (facts.held and not facts.said_holding):
        return Say(ReportKind.BUSY, holding=facts.held, overdue=facts.overdue)
    return wake(facts)
