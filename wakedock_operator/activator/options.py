"""What a gateway may be told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """Durations in seconds."""

    name: str = "local"
    """How this gateway signs its reports."""
    drain_patience: float = 10.0
    """A request that waits longer than this in a forced drain ends it, unless the app sleeps by then."""
    max_held: int = 10_000
    """Requests held at once, all services together."""
