"""A forced sleep of what others depend on: they go first, and where that takes too long, the sleep gives way to them."""

from wakedock_operator.core.status import DrainReason, Serving, Status
from wakedock_operator.core.vetoes import Veto, VetoReason

from .facts import Facts

GIVES_WAY = frozenset({DrainReason.REQUESTED, DrainReason.SCHEDULED, DrainReason.DEFINITION_CHANGED})
"""Sleeps that are given up when requests to a dependant have waited for too long. The others have to be. A changed definition is tried
again a while later."""

WANTED = frozenset({DrainReason.REQUESTED, DrainReason.SCHEDULED, DrainReason.SCALED_TO_ZERO})
"""Sleeps that are somebody's wish: what depends on the service does not wake it again by itself."""


def gives_way(status: Status) -> bool:
    """Whether a service is due for a sleep that may be given up. One that is being drained has its own patience."""
    due = status.serving is Serving.AWAKE and status.leaving
    return due and status.drain is not None and status.drain.reason in GIVES_WAY


def put_off(before: Status, after: Status) -> bool:
    """Whether a changed definition has not taken effect for now: its drain, or the drain that was due, ended awake."""
    changed = before.leaving and before.drain is not None and before.drain.reason is DrainReason.DEFINITION_CHANGED
    return changed and after.serving is Serving.AWAKE and after.drain is None


def rests(status: Status) -> bool:
    """Whether a service is asleep, or going to sleep, because somebody or its schedule wants it to."""
    wanted = status.drain is not None and status.drain.reason in WANTED
    return wanted and (status.leaving or status.serving is Serving.ASLEEP)


def dependants_first(facts: Facts) -> Veto:
    """What a forced sleep waits for."""
    names = ", ".join(str(key) for key in facts.dependants_up)
    return Veto(VetoReason.DEPENDANT_AWAKE, f"what depends on it goes to sleep first: {names}")
