"""*Wake* 2 to 4."""

from .facts import Facts
from .steps import Fence, Grant, Observe, Probe, Rest, Start, Step


def wake(facts: Facts) -> Step:
    """*Wake* 2 to 4: fence, start, then grant to an instance that answers and belongs to a settled backend."""
    if not facts.memory.fenced:
        return Fence()
    backend = facts.backend
    if backend is None:
        return Observe()
    if backend.desired == 0:
        if not facts.dependencies_ready:
            return Rest("for its dependencies")
        return Start() if facts.may_start else Rest("for the back-off after a failed start")
    if not backend.under(facts.status).settled:
        return Rest("for the backend to settle")
    target = facts.target
    if target is None:
        return Rest("for an instance")
    return Grant(target) if facts.answers else Probe(target)
