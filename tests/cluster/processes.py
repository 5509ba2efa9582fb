"""Processes of pods, as the machine of the cluster sees them: they can be killed one by one, which no API does."""

import contextlib
import os
import signal
from pathlib import Path

import pytest


def kill(*words: str) -> None:
    """Kill (SIGKILL) the one process whose command line has all these words. Skips where the node is another machine."""
    os.kill(_found(*words), signal.SIGKILL)


def kill_pod(*words: str) -> None:
    """Kill every process of the pod of that process, but for the one that keeps its network."""
    network = Path(f"/proc/{_found(*words)}/ns/net").readlink()
    for pid in _pids():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/ns/net").readlink() == network and _command(pid)[:1] != ["/pause"]:
                os.kill(pid, signal.SIGKILL)


def freeze(*words: str) -> int:
    """Stop (SIGSTOP) that process; returns what `thaw` needs."""
    pid = _found(*words)
    os.kill(pid, signal.SIGSTOP)
    return pid


def thaw(pid: int) -> None:
    """Let a process go on, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _found(*words: str) -> int:
    found = [pid for pid in _pids() if all(word in _command(pid) for word in words)]
    if not found:
        pytest.skip(f"no process here has {words} in its command line: the node is another machine")
    assert len(found) == 1, f"{words} fits several processes: {found}"
    return found[0]


def _pids() -> list[int]:
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
