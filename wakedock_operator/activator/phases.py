"""How far a wake has come, for those who watch it."""

from wakedock_operator.core.status import Serving, Status

from .questions import Phase, RefusalReason
from .service import Service


def phase_of(service: Service, status: Status, now: float) -> Phase:
    """The phase that the waiting page shows."""
    refusal = service.refusal(now)
    if refusal is not None:
        return Phase.SUSPENDED if refusal.reason is RefusalReason.SUSPENDED else Phase.FAILED
    if service.steering is not None:
        return Phase.READY
    attempt = service.attempt
    if attempt is None:
        return Phase.STARTED if status.serving is Serving.AWAKE else Phase.ASLEEP
    if attempt.answering_at is not None or attempt.detail:
        return Phase.STARTED
    if attempt.started_at is not None:
        return Phase.STARTING
    return Phase.DEPENDENCIES if service.entry is not None and service.entry.service.spec.depends_on else Phase.ASKED
