"""What /proc says about processes. Reading it takes about 20 µs per process, so a look at all of them belongs into a thread."""

import os
from dataclasses import dataclass
from pathlib import Path

MARKER = "WAKEDOCK_INSTANCE"
"""The environment variable that every process of an app inherits, and by which strays are found."""

# Anything else (no descriptor left) says nothing about the process.
_gone = (FileNotFoundError, ProcessLookupError, PermissionError)
_marker_prefix = f"{MARKER}=".encode()


@dataclass(frozen=True, slots=True)
class Stat:
    """One process. `pid` and `start_ticks` together never name another process of the same boot."""

    pid: int
    name: str
    state: str
    parent: int
    group: int
    session: int
    start_ticks: int

    @property
    def ended(self) -> bool:
        """It is a zombie: it runs nothing and holds nothing but its number."""
        return self.state in "ZXx"

    @property
    def halted(self) -> bool:
        """It was stopped by SIGSTOP."""
        return self.state == "T"


def stat(pid: int) -> Stat | None:
    """One process, None when there is none with this number. Raises OSError when that cannot be known."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - read for every process: a Path doubles it
            text = file.read()
    except _gone:
        return None
    # The name stands in parentheses and may hold anything, parentheses too.
    name, _, rest = text.partition("(")[2].rpartition(")")
    words = rest.split()
    return Stat(
        pid=pid,
        name=name,
        state=words[0],
        parent=int(words[1]),
        group=int(words[2]),
        session=int(words[3]),
        start_ticks=int(words[19]),
    )


def processes() -> dict[int, Stat]:
    """Every process that can be seen."""
    found = (stat(int(name)) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 - names, not paths
    return {each.pid: each for each in found if each is not None}


def marker(pid: int) -> str:
    """The value of WAKEDOCK_INSTANCE that a process was started with; empty when it has none or may not be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - as above
            for entry in file.read().split(b"\0"):
                if entry.startswith(_marker_prefix):
                    return entry.removeprefix(_marker_prefix).decode(errors="replace")
    except _gone:
        pass
    return ""


def boot_id() -> str:
    """The identity of this boot of the machine: pids and start ticks of another boot mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
