"""The node from within: mounts, network and kernel settings of its namespaces, then its supervisor."""

import os
import socket
import subprocess
import time
from pathlib import Path

from hack.cluster.daemons import commands
from hack.cluster.layout import HOST_IP, NODE, NODE_IP, Layout
from hack.cluster.supervisor import Supervisor

LINK = "wd-node"
CGROUPS = Path("/sys/fs/cgroup")
# What the kubelet wants to find; it is shown these files instead, and the machine keeps its own settings.
SYSCTLS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}


def run_node(layout: Layout) -> None:
    """Be the first process of fresh namespaces (network, mounts, processes, host name, IPC, cgroups). Never returns."""
    mount_folders(layout)
    mount_cgroups()
    mount_sysctls()
    socket.sethostname(NODE)
    bring_up_network()
    Supervisor(commands(layout), layout.logs).run(layout.control)


def mount(*arguments: str | Path) -> None:
    """Mount, as the program of that name does."""
    subprocess.run(["mount", *arguments], check=True)


def mount_folders(layout: Layout) -> None:
    """Folders that daemons insist on, away from the machine's own."""
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/log")
    Path("/run/lock").mkdir()
    for name, folder in (("kubelet", "/var/lib/kubelet"), ("cni", "/var/lib/cni"), ("log", "/var/log/kubernetes")):
        source = layout.logs if name == "log" else layout.data / name
        source.mkdir(parents=True, exist_ok=True)
        Path(folder).mkdir(parents=True, exist_ok=True)
        mount("--bind", source, folder)
    mount("--make-shared", "/var/lib/kubelet")


def mount_cgroups() -> None:
    """The cgroup namespace hides what is above the node; mount what it shows. Both versions of cgroups."""
    if (CGROUPS / "cgroup.controllers").exists():
        mount("-t", "cgroup2", "cgroup2", CGROUPS)
        own = CGROUPS / "init"  # a cgroup with processes of its own cannot pass controllers on
        own.mkdir(exist_ok=True)
        (own / "cgroup.procs").write_text(str(os.getpid()))
        for controller in (CGROUPS / "cgroup.controllers").read_text().split():
            (CGROUPS / "cgroup.subtree_control").write_text(f"+{controller}")
        return
    kinds = {"unified": ("cgroup2", ()), "systemd": ("cgroup", ("-o", "none,name=systemd"))}
    for folder in CGROUPS.iterdir():
        if folder.is_mount() and not folder.is_symlink():
            kind, options = kinds.get(folder.name, ("cgroup", ("-o", folder.name)))
            subprocess.run(["umount", folder], check=True)
            mount("-t", kind, *options, "cgroup", folder)


def mount_sysctls() -> None:
    """See `SYSCTLS`."""
    for name, value in SYSCTLS.items():
        file = Path("/run/sysctl") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
        mount("--bind", file, Path("/proc/sys") / name)


def bring_up_network() -> None:
    """Wait for the link that the machine's side makes, and use it."""
    while subprocess.run(["ip", "link", "show", LINK], capture_output=True, check=False).returncode:
        time.sleep(0.02)
    for command in (
        ("link", "set", "lo", "up"),
        ("address", "add", f"{NODE_IP}/30", "dev", LINK),
        ("link", "set", LINK, "up"),
        ("route", "add", "default", "via", str(HOST_IP)),
    ):
        subprocess.run(["ip", *command], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    bridges = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if bridges.exists():
        bridges.write_text("1")
