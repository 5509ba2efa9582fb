"""What the kernel counts for a process."""

import os
from pathlib import Path

_ticks_per_second = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """User and system time so far, in seconds, in steps of a hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _ticks_per_second


def memory(pid: int) -> float:
    """Resident memory, in MB (of 1,000,000 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError(f"process {pid} has ended")


def busy_cores() -> float:
    """How many cores the machine has kept busy on average in the last minute."""
    return os.getloadavg()[0]
