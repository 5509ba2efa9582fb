"""Nobody answers at present."""


class Unreachable(OSError):
    """What was asked did not answer, and nothing is known: ask again in a moment, as long as it takes."""
