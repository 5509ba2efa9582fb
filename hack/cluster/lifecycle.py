"""The cluster from without: up, down, and commands inside the node."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hack.cluster import orders
from hack.cluster.building import build
from hack.cluster.daemons import CONTAINERD_SOCKET, configure
from hack.cluster.layout import HOST_IP, NODE, NODE_IP, PODS, SERVICES, TREE, ClusterError, Layout, require
from hack.cluster.node import LINK

HOST_LINK = "wd-host"
NAMESPACES = ("--net", "--mount", "--pid", "--uts", "--ipc", "--cgroup")
PATIENCE = 120.0


@contextmanager
def alone(layout: Layout) -> Iterator[None]:
    """Nobody else starts or ends this cluster meanwhile."""
    layout.home.mkdir(parents=True, exist_ok=True)
    with (layout.home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def node_pid(layout: Layout) -> int | None:
    """The node's first process, unless it is gone."""
    try:
        pid = int(layout.pid.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if "hack.cluster\0node" in command else None


def within(layout: Layout, *command: str) -> list[str]:
    """The command that runs `command` in the node's namespaces."""
    pid = node_pid(layout)
    if pid is None:
        message = "the cluster is down; `make cluster-up` starts it"
        raise ClusterError(message)
    return ["nsenter", f"--target={pid}", *NAMESPACES, "--", *command]


def up(layout: Layout) -> None:
    """Make it run: a new cluster when there is none, else the daemons that are missing. Returns when the node is Ready."""
    if os.geteuid() != 0:
        message = "the cluster makes namespaces and network links of its own: run this as root"
        raise ClusterError(message)
    require("containerd", "runc", "nft", "iptables", "ip", "openssl", "nsenter")
    build(layout)
    if node_pid(layout) is None:
        clear(layout)
        if succeeds("ip", "link", "show", HOST_LINK):
            message = f"the link {HOST_LINK} exists: another cluster runs on this machine, not that of {layout.home}; end it first"
            raise ClusterError(message)
        configure(layout)
        begin_node(layout)
    bring_up_daemons(layout)


def begin_node(layout: Layout) -> None:
    """Start the node's first process and give it its end of the link."""
    layout.logs.mkdir()
    with (layout.logs / "node.log").open("w") as log:
        command = ["unshare", *NAMESPACES, "--fork", "--kill-child", "--mount-proc", sys.executable, "-m", "hack.cluster", "node"]
        environment = {**os.environ, "CLUSTER_OF_TESTS": str(layout.home)}
        outer = subprocess.Popen(
            command, cwd=TREE, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    wait(layout, "the node's first process", lambda: outer.poll() is not None or bool(children.read_text()))
    pid = children.read_text().split()[0]
    layout.pid.write_text(pid)
    wait(layout, "the node's first process", lambda: node_pid(layout) is not None)
    for arguments in (
        ("link", "add", HOST_LINK, "type", "veth", "peer", "name", LINK, "netns", pid),
        ("address", "add", f"{HOST_IP}/30", "dev", HOST_LINK),
        ("link", "set", HOST_LINK, "up"),
        ("route", "replace", str(PODS), "via", str(NODE_IP)),
        ("route", "replace", str(SERVICES), "via", str(NODE_IP)),
    ):
        subprocess.run(["ip", *arguments], check=True)
    wait(layout, "the node's supervisor", layout.control.exists)


def bring_up_daemons(layout: Layout) -> None:
    """Start what does not run, each when what it needs is there."""
    kubectl = [layout.program("kubectl"), f"--kubeconfig={layout.kubeconfig}", "--request-timeout=5s"]
    for daemon in ("containerd", "etcd", "kube-apiserver"):
        orders.start(layout, daemon)
    wait(layout, "the API server", lambda: succeeds(*kubectl, "get", "--raw", "/readyz"))
    for daemon in ("kube-controller-manager", "kube-scheduler"):
        orders.start(layout, daemon)
    wait(layout, "containerd", lambda: succeeds(*within(layout, "test", "-S", CONTAINERD_SOCKET)))
    load_image(layout, layout.build / "pause.tar")
    for daemon in ("kubelet", "kube-proxy"):
        orders.start(layout, daemon)
    subprocess.run([*kubectl, "apply", "--server-side", "-f", layout.config / "dns.yaml"], check=True, stdout=subprocess.DEVNULL)
    orders.start(layout, "coredns")
    wait(layout, "the node's registration", lambda: succeeds(*kubectl, "get", "node", NODE))
    wait(layout, "kubelet", lambda: succeeds(*kubectl, "get", "--raw", f"/api/v1/nodes/{NODE}/proxy/healthz"))
    wait(layout, "the first ServiceAccount", lambda: succeeds(*kubectl, "get", "serviceaccount", "default"))
    ready = [*kubectl[:2], "wait", "--for=condition=Ready", f"node/{NODE}", f"--timeout={PATIENCE:.0f}s"]
    subprocess.run(ready, check=True, stdout=subprocess.DEVNULL)


def succeeds(*command: str) -> bool:
    """Whether the command ends with 0."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def wait(layout: Layout, what: str, there: Callable[[], bool]) -> None:
    """Until `there()`; an error that shows the last log lines of what died when it never comes."""
    deadline = time.monotonic() + PATIENCE
    while not there():
        dead = [log for log in sorted(layout.logs.glob("*.log")) if log.stat().st_size] if time.monotonic() > deadline else []
        if dead or time.monotonic() > deadline:
            tails = "\n".join(f"{log}: {log.read_text(errors='replace')[-500:]}" for log in dead)
            message = f"{what} was not there after {PATIENCE:.0f} s; the logs end like this:\n{tails}"
            raise ClusterError(message)
        time.sleep(0.1)


def load_image(layout: Layout, archive: Path) -> None:
    """Make the images of an archive (of `docker save`, or of the OCI) known to the node."""
    with archive.open("rb") as stream:
        subprocess.run(
            within(layout, "ctr", "--namespace=k8s.io", "images", "import", "-"), stdin=stream, check=True, stdout=subprocess.DEVNULL
        )


def clear(layout: Layout) -> None:
    """End whatever is left of the node. The binary stays, everything else of the cluster goes."""
    pid = node_pid(layout)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)  # the kernel ends all processes of its namespaces and takes down mounts and rules
        while node_pid(layout) is not None:
            time.sleep(0.02)
    if layout.pid.exists():
        # The kernel takes the link down with the node, but in its own time. If there was no node, it is another cluster's.
        subprocess.run(["ip", "link", "delete", HOST_LINK], capture_output=True, check=False)
    if layout.data.exists():
        remove_cgroups()
    for folder in (layout.data, layout.keys, layout.config, layout.logs):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (layout.pid, layout.control, layout.kubeconfig):
        file.unlink(missing_ok=True)


def remove_cgroups() -> None:
    """Pods' empty cgroups outlive a node that was killed: remove them below our own cgroup of each hierarchy."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        name = controllers.removeprefix("name=") or "unified"
        for root in (Path("/sys/fs/cgroup") / name, Path("/sys/fs/cgroup")):
            for ours in ("kubepods", "k8s.io", "init"):
                for folder, _, _ in os.walk(root / path.lstrip("/") / ours, topdown=False):
                    remove_cgroup(Path(folder))


def remove_cgroup(folder: Path) -> None:
    """One cgroup, unless somebody uses it."""
    try:
        folder.rmdir()
    except OSError as error:
        print(f"{folder} stays: {error.strerror}", file=sys.stderr)
