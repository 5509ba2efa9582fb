"""Steps of the wall clock: schedules and pins are wall-clock times, but deadlines are waited for on the monotonic clock."""

import asyncio
from collections.abc import AsyncIterator

from wakedock_operator.ports.clock import Clock

EVERY = 5.0
"""Seconds between two comparisons of the clocks."""
TOLERANCE = 1.0
"""Seconds by which the clocks may drift apart before all deadlines are worked out anew."""


async def clock_steps(clock: Clock) -> AsyncIterator[float]:
    """Yield by how many seconds the wall clock has moved against the monotonic one, each time that this exceeds the tolerance.

    Somebody set it, the machine was suspended, or it was slewed little by little.
    """
    agreed = _ahead(clock)
    while True:
        await asyncio.sleep(EVERY)
        ahead = _ahead(clock)
        if abs(ahead - agreed) > TOLERANCE:
            yield ahead - agreed
            agreed = ahead


def _ahead(clock: Clock) -> float:
    return clock.now().timestamp() - clock.monotonic()
