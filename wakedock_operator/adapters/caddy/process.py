"""The operating system's side of Caddy: start, find again, signal, see it end."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Process:
    """A running process, told apart from a later one with the same number by its start time."""

    pid: int
    started: int
    """In clock ticks since the machine started, from /proc."""

    @classmethod
    def spawn(cls, command: Sequence[str], *, environment: Mapping[str, str], output: int) -> Self:
        """Start in a session of its own, with both outputs into a file, so that it outlives WakeDock. Raises OSError."""
        with Path(os.devnull).open("rb") as nothing:
            pid = os.posix_spawn(
                command[0],
                list(command),
                dict(environment),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, nothing.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, output, 1),
                    (os.POSIX_SPAWN_DUP2, output, 2),
                ],
                setsid=True,
                setsigmask=[],
                # Python ignores these, and the child would inherit that.
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
            )
        _raise_descriptor_limit(pid)
        state = _stat(pid)
        return cls(pid, state[0] if state is not None else 0)

    @classmethod
    def recorded(cls, pid_file: Path) -> Self | None:
        """The process that a pid file names, if it still runs."""
        try:
            record = json.loads(pid_file.read_text())
            process = cls(int(record["pid"]), int(record["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return process if process.runs() else None

    @classmethod
    def listening(cls, path: Path) -> Self | None:
        """The process that listens on a unix socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(path))
                credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            except OSError:
                return None
        pid: int = struct.unpack("3i", credentials)[0]
        state = _stat(pid)
        return cls(pid, state[0]) if state is not None else None

    def record(self, pid_file: Path) -> None:
        """Write the pid file. Raises OSError."""
        temporary = pid_file.with_name(f".{pid_file.name}")
        temporary.write_text(json.dumps({"pid": self.pid, "started": self.started}))
        temporary.rename(pid_file)

    def runs(self) -> bool:
        """Whether it has not ended. A zombie has."""
        return _stat(self.pid) == (self.started, True)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; to one that has ended, nothing."""
        if self.runs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def ended(self) -> None:
        """Wait for the end, and reap it if it is a child."""
        # Also where its first thread has ended already: the others may still be at it.
        state = _stat(self.pid)
        if state is not None and state[0] == self.started:
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(self.pid)
                try:
                    await _readable(descriptor)
                finally:
                    os.close(descriptor)
        self._reap()

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)

    async def stop(self, *, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds. Returns when it has ended."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                await self.ended()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.ended()


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(descriptor, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _stat(pid: int) -> tuple[int, bool] | None:
    """When it started, and whether it still runs (a zombie does not)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[19]), fields[0] not in "ZX"


def _raise_descriptor_limit(pid: int) -> None:
    # A held request takes two descriptors.
    with contextlib.suppress(OSError, ValueError):
        hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
