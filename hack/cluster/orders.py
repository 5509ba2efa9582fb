"""What the machine asks of the node: states, single daemons stopped, killed, frozen, thawed and started."""

import json
import socket
import time
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, SIGUSR1, Signals

from hack.cluster.layout import ClusterError, Layout

SIGNALS = {"stop": SIGTERM, "kill": SIGKILL, "freeze": SIGSTOP, "thaw": SIGCONT}
# Longer than any daemon takes to end by itself: told to stop, the API server gives open watches a minute.
PATIENCE = 90.0


def order(layout: Layout, do: str, **details: str) -> dict[str, str]:
    """Send one order; the answer is the state of each daemon."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(layout.control))
            connection.sendall(json.dumps({"do": do, **details}).encode() + b"\n")
            with connection.makefile() as stream:
                answer: dict[str, str] = json.loads(stream.readline())
    except (OSError, ValueError) as error:
        message = f"the node does not answer on {layout.control} ({error}); `make cluster-up` starts the cluster"
        raise ClusterError(message) from error
    if "error" in answer:
        raise ClusterError(answer["error"])
    return answer


def states(layout: Layout) -> dict[str, str]:
    """`running`, `frozen` or `stopped`, by daemon."""
    return order(layout, "tell")


def start(layout: Layout, daemon: str) -> None:
    """Start one daemon; it is started when this returns, not ready."""
    order(layout, "start", daemon=known(layout, daemon))


def signal(layout: Layout, daemon: str, number: Signals) -> None:
    """Send one daemon a signal; returns when the signal did what it is for."""
    wanted = {SIGTERM: "stopped", SIGKILL: "stopped", SIGSTOP: "frozen", SIGCONT: "running", SIGUSR1: "running"}[number]
    order(layout, "signal", daemon=known(layout, daemon), signal=str(number.value))
    deadline = time.monotonic() + PATIENCE
    while states(layout)[daemon] != wanted:
        if time.monotonic() > deadline:
            message = f"{daemon} is not {wanted} {PATIENCE:.0f} s after {number.name}; a frozen one must be thawed before it can end"
            raise ClusterError(message)
        time.sleep(0.01)


def known(layout: Layout, daemon: str) -> str:
    """The name, if the node has such a daemon."""
    names = states(layout)
    if daemon not in names:
        message = f"{daemon}: no such daemon; there are {', '.join(names)}"
        raise ClusterError(message)
    return daemon
