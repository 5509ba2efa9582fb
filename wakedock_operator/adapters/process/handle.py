"""A process that cannot be mistaken for a later one of the same number.

A pidfd tells the exit of any process, started by this WakeDock or by an earlier one, and carries signals without a race.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from wakedock_operator.adapters.process.procfs import stat


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended. Both None: nobody can know, because it is not a child of this WakeDock."""

    code: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        if self.code is not None:
            return f"exited with code {self.code}"
        if self.signal is not None:
            try:
                return f"was ended by {signal.Signals(self.signal).name}"
            except ValueError:
                return f"was ended by signal {self.signal}"
        return "ended with an unknown exit code (it was started by an earlier WakeDock)"


class ProcessHandle:
    """A running process, held by its pidfd until `close`."""

    def __init__(self, pid: int, start_ticks: int, descriptor: int) -> None:
        self.pid = pid
        self.start_ticks = start_ticks
        self.status: ExitStatus | None = None
        self._descriptor = descriptor
        self._watched = False
        self._ended = asyncio.Event()
        self._on_exit: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<process {self.pid}: {self.status or 'runs'}>"

    @classmethod
    def open(cls, pid: int, start_ticks: int | None = None) -> Self | None:
        """The process `pid`, None when it is gone (or is another one than the one that started at `start_ticks`)."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        # Looked at after the pidfd is there: what is seen now is what the pidfd holds.
        seen = stat(pid)
        if seen is None or (start_ticks is not None and seen.start_ticks != start_ticks):
            os.close(descriptor)
            return None
        return cls(pid, seen.start_ticks, descriptor)

    def watch(self, on_exit: Callable[[], None] | None = None) -> None:
        """From now on the exit is noticed and reaped, and `on_exit` called once."""
        self._on_exit = on_exit
        self._watched = True
        asyncio.get_running_loop().add_reader(self._descriptor, self._exited)

    def send(self, number: int) -> None:
        """Send a signal; nothing happens when the process is gone. Raises PermissionError for a process of somebody else."""
        if self._descriptor >= 0:
            try:
                signal.pidfd_send_signal(self._descriptor, number)
            except ProcessLookupError:
                return

    def send_group(self, number: int) -> None:
        """Send a signal to the process group that this process leads. Atomic: a member that forks meanwhile does not get away."""
        if self.status is None:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                return

    async def wait(self) -> None:
        """Return when the process has ended. Needs `watch`."""
        await self._ended.wait()

    def close(self) -> None:
        """Let go of the process; it runs on."""
        if self._descriptor < 0:
            return
        if self._watched:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._watched = False
        os.close(self._descriptor)
        self._descriptor = -1

    def _exited(self) -> None:
        self.status = self._reap()
        self.close()
        self._ended.set()
        if self._on_exit is not None:
            self._on_exit()

    def _reap(self) -> ExitStatus:
        try:
            result = os.waitid(os.P_PIDFD, self._descriptor, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            return ExitStatus()
        if result is None:
            return ExitStatus()
        if result.si_code == os.CLD_EXITED:
            return ExitStatus(code=result.si_status)
        return ExitStatus(signal=result.si_status)
