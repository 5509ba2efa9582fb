"""What the control API sees of the rest of WakeDock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.ports.board import Board
from wakedock_operator.ports.catalog import Catalog
from wakedock_operator.ports.clock import Clock
from wakedock_operator.ports.journal import Journal
from wakedock_operator.ports.workloads import Workloads
from wakedock_operator.resource import Key


@dataclass(frozen=True, slots=True)
class Health:
    """Whether WakeDock works. `reasons` say, in words, why it is not ready (or not live)."""

    live: bool
    ready: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports, and two questions that none of them answers."""

    catalog: Catalog
    board: Board
    workloads: Workloads
    journal: Journal
    metrics: Metrics
    clock: Clock
    health: Callable[[], Health]
    idle_since: Callable[[Key], datetime | None] = lambda _: None
    """Since when nothing was in flight and no request came; None while in use and where nobody knows. No I/O."""
