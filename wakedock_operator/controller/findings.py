"""What the conditions say of definitions and backends, in words."""

from wakedock_operator.core import controller
from wakedock_operator.core.conditions import AcceptedReason
from wakedock_operator.core.status import Failure
from wakedock_operator.ports.catalog import Entry

from .memory import Memory


def newest_problem(entry: Entry | None, memory: Memory) -> tuple[str | None, AcceptedReason]:
    """What is wrong with what is written newest, and what that means."""
    if entry is not None and entry.problem is None and memory.unmade is not None:
        return memory.unmade, AcceptedReason.NOT_MADE
    return (None, AcceptedReason.ACCEPTED) if entry is None else (entry.problem, entry.problem_reason)


def failing_of(facts: controller.Facts) -> Failure | None:
    """Why nothing of what was started is ready."""
    backend = facts.backend
    return None if backend.desired == 0 or backend.rolling else backend.failure


def unanswered(entry: Entry) -> str:
    """What to look at where requests to an awake app wait in vain."""
    port = entry.service.spec.port
    where = "its port" if port is None else f"spec.port ({port})"
    return f"nothing answers at {where}, or its readiness probe fails; look at what the app listens on"
