"""`wakedock demo`: two real apps behind a real Caddy fall asleep and wake, with measured times."""

from .story import demo

__all__ = ["demo"]
