"""The controller's half of the protocol: facts about one service → the next step.

*Sleep* 1, 3 and 4, the forced drains, *Wake* 5, the wakes that no request asks for, and the starts that are given up. Whoever decides:
every write is a compare-and-swap on the status that these facts hold, and every stop carries the version that they hold, so that a late or
doubled decision fails.
"""

from dataclasses import replace

from wakedock_operator.core.lifecycle import initial
from wakedock_operator.core.status import Drain, DrainReason, ReportKind, Serving, Status

from . import asleep, awake, draining
from .awake import ASK_AGAIN, UNDONE_SLEEPS
from .dependants import gives_way, put_off, rests
from .draining import LIST_AGAIN, SILENCE
from .facts import Facts
from .steps import AskApp, Fence, Forget, LastLook, Probe, Rest, Start, Step, Stop, Write
from .waking import UNNAMED, remembering, unwakeable
from .wishes import forced_by, kept, overrules, wanted_by

__all__ = [
    "ASK_AGAIN",
    "LIST_AGAIN",
    "SILENCE",
    "UNDONE_SLEEPS",
    "UNNAMED",
    "AskApp",
    "Facts",
    "Fence",
    "Forget",
    "LastLook",
    "Probe",
    "Rest",
    "Start",
    "Step",
    "Stop",
    "Write",
    "decide",
    "forced_by",
    "gives_way",
    "kept",
    "overrules",
    "put_off",
    "rests",
    "rests_on_gateways",
    "unwakeable",
    "wanted_by",
]


def decide(facts: Facts) -> Step:
    """The next step of the controller for one service."""
    status = facts.status
    if status is None:
        return _first(facts)
    gone = {r.gateway for r in status.gateways} - facts.gateways if facts.listed else set()
    if gone:
        return Write(replace(status, gateways=tuple(r for r in status.gateways if r.gateway not in gone)))
    if facts.mended and status.drain is not None and status.drain.cause is not None:
        drain = Drain(DrainReason.DEFINITION_CHANGED, forced=status.drain.forced)
        return Write(replace(status, drain=drain, failures=0))
    match status.serving:
        case Serving.AWAKE:
            return awake.decide(facts, status)
        case Serving.DRAINING:
            return draining.decide(facts, status)
        case Serving.ASLEEP:
            return asleep.decide(facts, status)


def rests_on_gateways(status: Status, known: frozenset[str]) -> bool:
    """Whether it matters now who counts as a gateway, so that they are to be listed afresh after `status` was read.

    In a drain, where all the `known` ones are idle, and where somebody spoke who is not known.
    """
    if status.serving is Serving.DRAINING or any(r.gateway not in known for r in status.gateways):
        return True
    return status.serving is Serving.AWAKE and all(status.report_of(g) is ReportKind.IDLE for g in known)


def _first(facts: Facts) -> Step:
    if not facts.defined:
        if facts.record_dies or (not facts.backend.instances and facts.backend.desired == 0):
            return Forget()
        return Write(initial(uid=facts.uid, desired=0, now=facts.now, drain=Drain(DrainReason.REMOVED, forced=True)))
    first = initial(uid=facts.uid, desired=facts.backend.desired, now=facts.now)
    return Write(remembering(facts, replace(first, generation=facts.backend.generation)))
