"""Waiting until somebody listens on a port, without asking the app itself."""

import asyncio
import time
from collections.abc import Callable

from wakedock_operator.adapters.process.listeners import listeners

PACE = 0.005
"""Seconds between two looks."""
SHARE = 10
"""… and at least this many times the CPU time that the last look cost."""


class Arrivals:
    """Looks at the listening sockets while somebody waits, once for all who wait."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[bool], tuple[int, Callable[[], bool]]] = {}
        self._looking: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<arrivals: {len(self._waiting)} waited for>"

    async def wait(self, port: int, *, within: float, wanted: Callable[[], bool]) -> bool:
        """True as soon as somebody listens on `port` of any address; False after `within` seconds, or when it is not `wanted` any more."""
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[told] = port, wanted
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="arrivals")
        try:
            async with asyncio.timeout(within):
                return await told
        except TimeoutError:
            return False
        finally:
            del self._waiting[told]

    async def _look(self) -> None:
        try:
            while self._waiting:
                open_ports, cost = await asyncio.to_thread(_open_ports)
                for told, (port, wanted) in self._waiting.items():
                    if not told.done() and (port in open_ports or not wanted()):
                        told.set_result(port in open_ports)
                await asyncio.sleep(max(PACE, SHARE * cost))
        finally:
            self._looking = None


def _open_ports() -> tuple[frozenset[int], float]:
    began = time.thread_time()
    return frozenset(each.port for each in listeners()), time.thread_time() - began
