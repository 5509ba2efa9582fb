"""A gateway's half of the protocol: facts about one service → the next step.

The gateway carries a step out, gathers the facts again and asks for the next one, until it is told to rest. Every step is one call of one
port, so that the model test can interleave them as they interleave in the world. The clauses are those of the protocol in
`docs/design/protocol.md`: *Sleep* 1 to 3, *Forced drain*, *Wake* 1 to 4, *A hold while `Awake`*, *A start that fails*.
"""

from dataclasses import replace

from wakedock_operator.core.status import ReportKind, Serving, Status

from . import asleep, awake, draining
from .facts import OTHERS_FIRST, TURN, Facts, turn
from .memory import Memory, adopt, keeps_look
from .steps import Adopt, Fence, Grant, LookInFlight, Observe, Probe, Refuse, Rest, Say, Start, Steer, Step

__all__ = [
    "OTHERS_FIRST",
    "TURN",
    "Adopt",
    "Facts",
    "Fence",
    "Grant",
    "LookInFlight",
    "Memory",
    "Observe",
    "Probe",
    "Refuse",
    "Rest",
    "Say",
    "Start",
    "Steer",
    "Step",
    "adopt",
    "after",
    "decide",
    "keeps_look",
    "turn",
]


def decide(facts: Facts) -> Step:
    """The next step of a gateway for one service."""
    status = facts.status
    if facts.memory.epoch != status.epoch:
        if status.serving is not Serving.AWAKE and facts.steering is not None:
            return Steer(None)
        return Adopt()
    if facts.held and facts.refusing:
        return Refuse()
    match status.serving:
        case Serving.AWAKE:
            return awake.decide(facts)
        case Serving.DRAINING:
            return draining.decide(facts)
        case Serving.ASLEEP:
            return asleep.decide(facts)


def after(facts: Facts, step: Step, *, answer: Status | None = None) -> Memory:
    """The memory once `step` was carried out; `answer` is the status that a report was merged into."""
    memory = facts.memory
    match step:
        case Adopt():
            return adopt(facts.status, facts.gateway, restarted=memory.epoch == Memory().epoch)
        case Fence():
            return replace(memory, fenced=True)
        case Say(kind=ReportKind.DRAINED):
            return replace(memory, drained=True)
        case Say(kind=ReportKind.BUSY) if answer is not None:
            drains = answer.epoch == memory.epoch and answer.serving is Serving.DRAINING
            return replace(memory, allowed=memory.allowed or drains)
        case Grant() if facts.status.serving is Serving.DRAINING:
            return replace(memory, let_through=True)
        case _:
            return memory
