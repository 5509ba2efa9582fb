"""Nobody answers at present."""


class Unreachable(OSError):
    """What was asked did not answer, or has no room, and nothing changed: ask again in a moment, as long as it takes."""
