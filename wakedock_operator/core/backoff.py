"""How long a failing start is answered with its cause before the next one."""

LONGEST = 60.0
CRASH_LOOP = 60.0
"""Seconds: a crash that follows another one, or the back-off after it, sooner than this is started again only after a back-off."""


def backoff(failures: int) -> float:
    """Seconds after the nth failure in a row: 1, 2, 4, … at most 60. Zero failures: 0."""
    if failures <= 0:
        return 0.0
    return float(min(LONGEST, 2 ** min(failures - 1, 10)))
