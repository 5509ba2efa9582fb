"""How late the event loop runs what is due."""

import asyncio

from wakedock_operator.adapters.metrics.metrics import Metrics


async def watch_loop_lag(metrics: Metrics, *, interval: float = 1.0) -> None:
    """Measure every `interval` seconds, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + interval
        await asyncio.sleep(interval)
        metrics.lagged(max(0.0, loop.time() - due))
