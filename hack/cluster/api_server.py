"""An API server with etcd and nothing else: ordinary processes on loopback, ready in seconds, for tests of the operator.

There are no controllers: nothing creates pods, collects what lost its owner, or ends a namespace.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import SystemRandom

from hack.cluster.authority import Authority
from hack.cluster.building import built
from hack.cluster.control_plane import ControlPlane
from hack.cluster.layout import TREE, ClusterError, Layout, require

# Below the kernel's ephemeral range: no outgoing connection takes one between the look and the start.
PORTS = range(20000, 32768)
PATIENCE = 60.0
# Without the controller that makes ServiceAccounts no pod could be created.
ALONE = ("--bind-address=127.0.0.1", "--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none")


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    while True:
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", SystemRandom().choice(PORTS)))
            except OSError:
                continue
            port: int = candidate.getsockname()[1]
            return port


@contextmanager
def running(layout: Layout, folder: Path) -> Iterator[Path]:
    """Run both with their files in `folder`; gives the administrator's kubeconfig, and the API server is ready."""
    if not built(layout):
        message = f"{layout.build} is missing; `make cluster-build` compiles it (Go is needed)"
        raise ClusterError(message)
    require("openssl")
    plane = ControlPlane(
        authority=Authority(folder / "keys"),
        data=folder / "etcd",
        audit=folder / "audit.log",
        address="127.0.0.1",
        port=free_port(),
        etcd_port=free_port(),
        peer_port=free_port(),
    )
    plane.issue()
    kubeconfig = folder / "kubeconfig"
    plane.authority.kubeconfig("admin", server=plane.server, path=kubeconfig)
    commands = {
        "etcd": plane.etcd(layout.program("etcd")),
        "kube-apiserver": plane.api_server(layout.program("kube-apiserver"), *ALONE),
    }
    with ExitStack() as stack:
        processes = {name: stack.enter_context(process(command, folder / f"{name}.log")) for name, command in commands.items()}
        await_ready([layout.program("kubectl"), f"--kubeconfig={kubeconfig}", "get", "--raw", "/readyz"], processes, folder)
        yield kubeconfig


@contextmanager
def process(command: tuple[str, ...], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program; at the end it is told to end, and killed when it does not."""
    with log.open("wb") as output:
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    try:
        yield started
    finally:
        started.kill()  # nothing they hold is wanted afterwards, and the API server would take its time
        started.wait()


def await_ready(probe: list[str], processes: dict[str, subprocess.Popen[bytes]], folder: Path) -> None:
    """Until `probe` succeeds; an error with the last log lines when a process ended or the time is over."""
    deadline = time.monotonic() + PATIENCE
    while subprocess.run(probe, capture_output=True, check=False).returncode:
        ended = [name for name, each in processes.items() if each.poll() is not None]
        if ended or time.monotonic() > deadline:
            tails = "\n".join((folder / f"{name}.log").read_text(errors="replace")[-2000:] for name in ended or processes)
            message = f"no API server: {', '.join(ended) or 'none'} ended, {PATIENCE:.0f} s at most were waited. Their last lines:\n{tails}"
            raise ClusterError(message)
        time.sleep(0.1)


@contextmanager
def shared(layout: Layout, folder: Path) -> Iterator[Path]:
    """As `running`, but one for all processes that ask with the same folder: the first starts it, it ends after the last.

    Each holds a shared lock on a file for as long as it needs the server. The keeper waits for an exclusive one: the kernel
    grants it when the last process released its lock or died.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kubeconfig, users = folder / "server" / "kubeconfig", folder / "users"
    with users.open("w") as use:
        with (folder / "start").open("w") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            fcntl.flock(use, fcntl.LOCK_SH)  # waits while an earlier server is being ended
            if not (folder / "ready").exists():
                begin_keeper(layout, folder)
        yield kubeconfig


def begin_keeper(layout: Layout, folder: Path) -> None:
    """Start `keep` in a process of its own, which outlives this one if others still use the server; returns when the server is ready."""
    log = folder / "keeper.log"
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    command = [sys.executable, "-m", "hack.cluster", "keep-api-server", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(TREE), "CLUSTER_OF_TESTS": str(layout.home)}
    keeper = os.posix_spawn(sys.executable, command, environment, file_actions=files, setsid=True)
    while not (folder / "ready").exists():
        if os.waitpid(keeper, os.WNOHANG) != (0, 0):
            raise ClusterError(log.read_text())
        time.sleep(0.05)


def keep(layout: Layout, folder: Path) -> None:
    """The keeper of `shared`: runs the server until nobody holds a lock on `users` any more."""
    server, ready = folder / "server", folder / "ready"
    with (folder / "users").open("w") as use:
        try:
            server.mkdir()
            with running(layout, server):
                ready.touch()
                fcntl.flock(use, fcntl.LOCK_EX)
                ready.unlink()
        finally:
            ready.unlink(missing_ok=True)
            shutil.rmtree(server, ignore_errors=True)
