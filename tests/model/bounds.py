"""How far the model is explored: what the environment may do in each search. Sleeps that idleness brings and wakes are never bounded."""

from tests.model.states import Bounds

SMALL = (
    Bounds(arrivals=1, restarts=1),
    Bounds(arrivals=1, controller_crashes=1),
    Bounds(arrivals=1, sleeps=1),
    Bounds(arrivals=1, wakes=1),
    Bounds(arrivals=1, absent=1, comings=1, goings=1),
    Bounds(arrivals=1, absent=1, controller_crashes=1, scalings=1),
)
"""Each takes seconds."""

LARGE = (
    Bounds(arrivals=2),
    Bounds(arrivals=1, visits=1),
    Bounds(arrivals=1, crashes=1),
    Bounds(arrivals=1, failing_starts=1),
    Bounds(arrivals=1, scalings=1),
    Bounds(arrivals=1, suspensions=2),
    Bounds(arrivals=1, suspensions=1, wakes=1),
    Bounds(arrivals=1, restarts=1, sleeps=1),
    Bounds(arrivals=1, restarts=1, failing_starts=1),
    Bounds(arrivals=1, controller_crashes=1, sleeps=1),
    Bounds(arrivals=1, controller_crashes=1, wakes=1),
    Bounds(arrivals=1, controller_crashes=1, failing_starts=1),
    Bounds(arrivals=1, controller_crashes=1, scalings=1),
    Bounds(arrivals=1, sleeps=1, wakes=1),
    Bounds(arrivals=1, absent=1, comings=1, goings=1, restarts=1),
    Bounds(arrivals=1, absent=1, comings=1, goings=1, controller_crashes=1),
    Bounds(arrivals=2, absent=1, comings=1, goings=1),
    Bounds(arrivals=2, absent=1, controller_crashes=1, scalings=1),
    Bounds(arrivals=1, absent=1, controller_crashes=1, scalings=2),
    Bounds(arrivals=2, restarts=1),
    Bounds(arrivals=2, controller_crashes=1),
    Bounds(arrivals=3),
    Bounds(arrivals=2, sleeps=1),
)
"""The first ones take half a minute each, the last ones minutes and several gigabytes."""


def described(bounds: Bounds) -> str:
    """`1 arrivals, 1 restarts`: what is not zero."""
    return ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in bounds._asdict().items() if count)
