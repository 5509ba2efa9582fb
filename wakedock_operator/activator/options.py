"""What a gateway may be told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """Durations in seconds."""

    name: str = "local"
    """How this gateway signs its reports."""
    drain_patience: float = 10.0
    """A request that waits longer than this in a forced drain ends it, unless the app sleeps by then."""
    head_start: float = 0.0
    """Where stops carry the workload's version: how long what waits after a forced drain says nothing, so that the stop comes first. Its
    word would void the stop, and under load every forced sleep would be undone before the app has stopped."""
    max_held: int = 10_000
    """Requests held at once, all services together."""
