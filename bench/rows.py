"""A row of the table, and how numbers are written."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured."""

    what: str
    measured: str
    beside: str = ""
    """What it was measured against, in the same run."""
    aim: str = ""
    met: bool | None = None
    """Whether the aim was reached; None where there is none."""
    samples: dict[str, Any] = field(default_factory=dict)
    """The numbers behind it, for the JSON file; names carry their units."""


def percentile(values: Sequence[float], share: int) -> float:
    """The value below which `share` percent lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


def ms(seconds: float) -> str:
    """Milliseconds, with a decimal where it says something."""
    value = seconds * 1000
    return f"{value:.1f} ms" if abs(value) < 10 else f"{value:.0f} ms"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and between which values the middle half lies."""
    ordered = sorted(values)
    lower, middle, upper = (percentile(ordered, 25), statistics.median(ordered), percentile(ordered, 75))
    return f"{middle:.{digits}f} ({lower:.{digits}f} to {upper:.{digits}f})"
