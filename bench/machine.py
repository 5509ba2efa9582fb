"""Where and when it was measured. No host name, no paths: results are published."""

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from wakedock_operator import __version__
from wakedock_operator.adapters.caddy.binary import find_caddy

from .procfs import busy_cores


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides about the numbers."""

    date: str
    cores: int
    processor: str
    memory: int
    """GB."""
    kernel: str
    python: str
    caddy: str
    wakedock: str
    load_before: float
    """The kernel's load average of the minute before: above 0.5, others were at work too."""

    @property
    def name(self) -> str:
        """For file names."""
        return f"{self.cores}-cores-{self.memory}-gb"

    @property
    def shared(self) -> bool:
        """Others were at work when the measuring began."""
        return self.load_before > 0.5


async def describe() -> Machine:
    """This machine, now."""
    caddy = await find_caddy()
    return Machine(
        date=datetime.now(UTC).date().isoformat(),
        cores=len(os.sched_getaffinity(0)),
        processor=_processor(),
        memory=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        kernel=platform.release(),
        python=platform.python_version(),
        caddy=".".join(map(str, caddy.version)),
        wakedock=f"{__version__} {_commit()}".strip(),
        load_before=round(busy_cores(), 1),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    root = Path(__file__).parents[1]
    told = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True, check=False)
    return f"({told.stdout.strip()})" if told.returncode == 0 else ""
