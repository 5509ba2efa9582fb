"""Ending an app so that nothing of it remains.

The stop signal goes to the first process alone, as `docker stop` does it: a master shuts its workers down in its own way. When it has
ended, whatever is left of the tree, as it was before the signal and as it is now, gets the same signal; when the grace period is over,
everything left is killed, again and again until nothing is found any more.
"""

import asyncio
import signal
from collections.abc import Iterable, Iterator

import structlog

from wakedock_operator.adapters.process.handle import ProcessHandle
from wakedock_operator.adapters.process.procfs import Stat
from wakedock_operator.adapters.process.tree import members

log = structlog.get_logger(__name__)


class Tree:
    """The processes of one app, known by their first."""

    def __init__(self, *, leader: int, start_ticks: int, mark: str) -> None:
        self._leader = leader
        self._start_ticks = start_ticks
        self._mark = mark
        self._seen: frozenset[tuple[int, int]] = frozenset()

    async def members(self) -> tuple[Stat, ...]:
        """Everything that lives of it now. What was seen here once still counts when it has lost its parents."""
        seen = self._seen
        found = await asyncio.to_thread(members, leader=self._leader, start_ticks=self._start_ticks, mark=self._mark, seen=seen)
        self._seen |= {(each.pid, each.start_ticks) for each in found}
        return found

    async def end(self, first: ProcessHandle | None, *, stop_signal: int, grace: float) -> None:
        """Return when nothing is left. The stop signal was sent to `first` (None: it is gone already) at the time of this call."""
        try:
            async with asyncio.timeout(grace):
                if first is not None:
                    await first.wait()
                await self._signal_all(stop_signal)
        except TimeoutError:
            log.info("grace period over", leader=self._leader, grace=grace)
        while await self._signal_all(signal.SIGKILL):
            pass

    async def halt(self) -> None:
        """Stop the members outside of the first one's process group too, until a look finds every one halted."""
        pause = 0.001
        while (running := [each for each in await self.members() if not each.halted]) and send(signal.SIGSTOP, running):
            # The kernel halts a process on its next way back to user mode; one that waits for a disk takes longer.
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    async def resume(self) -> None:
        """Let every member run again."""
        send(signal.SIGCONT, await self.members())

    async def _signal_all(self, number: int) -> bool:
        """Signal every member and wait until all of them have ended; False when there was none."""
        return await end_all(await self.members(), number)


async def end_all(stats: Iterable[Stat], number: int) -> bool:
    """Send a signal to exactly these processes and wait until all of them have ended; False when there was none to signal."""
    handles = []
    try:
        for handle in _signalled(number, stats):
            handles.append(handle)
            handle.watch()
            # A halted process would not come to see the signal.
            handle.send(signal.SIGCONT)
        for handle in handles:
            await handle.wait()
    finally:
        for handle in handles:
            handle.close()
    return bool(handles)


def send(number: int, stats: Iterable[Stat]) -> bool:
    """Send a signal to exactly these processes, as far as they are still there; False when there was none to signal."""
    handles = tuple(_signalled(number, stats))
    for handle in handles:
        handle.close()
    return bool(handles)


def _signalled(number: int, stats: Iterable[Stat]) -> Iterator[ProcessHandle]:
    for each in stats:
        handle = ProcessHandle.open(each.pid, each.start_ticks)
        if handle is None:
            continue
        try:
            handle.send(number)
        except PermissionError:
            # A program that became another user. Only root can end it.
            log.warning("process of another user left alone", pid=each.pid, name=each.name)
            handle.close()
        else:
            yield handle
