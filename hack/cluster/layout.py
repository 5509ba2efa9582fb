"""Where the cluster keeps what, and the addresses it has."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Self

SOURCES = Path(__file__).resolve().parent
TREE = SOURCES.parent.parent

NODE = "wakedock"
# From the network that RFC 2544 sets aside for tests: the link between the machine and the node.
HOST_IP = IPv4Address("198.18.77.1")
NODE_IP = IPv4Address("198.18.77.2")
PODS = IPv4Network("10.244.0.0/24")
SERVICES = IPv4Network("10.96.0.0/16")
API_IP = IPv4Address("10.96.0.1")
DNS_IP = IPv4Address("10.96.0.10")
API_PORT = 6443
API = f"https://{NODE_IP}:{API_PORT}"
PAUSE = "wakedock.local/pause:1"
TESTAPP = "wakedock.local/testapp:1"

KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
PROGRAMS = (*KUBERNETES, "etcd", "kubectl", "coredns")


class ClusterError(Exception):
    """What went wrong, with what, and what to do; the command line prints it and ends with 1."""


def default_home() -> Path:
    """`$CLUSTER_OF_TESTS`, else the folder `wakedock/cluster` of the user's cache: outside the tree, so that `git clean` spares it."""
    if chosen := os.environ.get("CLUSTER_OF_TESTS"):
        return Path(chosen).absolute()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "wakedock" / "cluster"


def source_key(*modules: str) -> str:
    """Names a build by what it is made from: a cached one with this key need not be built."""
    digest = hashlib.sha256(os.uname().machine.encode())
    for path in sorted(each for module in modules for each in (SOURCES / module).rglob("*")):
        if path.suffix in {".go", ".mod", ".sum"}:
            digest.update(path.relative_to(SOURCES).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders below `home`. Only `builds` is worth keeping between machines."""

    home: Path
    oldest: bool = False
    """Whether Kubernetes is of the oldest version that WakeDock supports, not of the newest."""

    @classmethod
    def chosen(cls) -> Self:
        """Where, and with `KUBERNETES_OF_TESTS=oldest` in the environment of which version, the cluster is to be."""
        return cls(default_home(), oldest=os.environ.get("KUBERNETES_OF_TESTS") == "oldest")

    @property
    def builds(self) -> Path:
        """One folder per key."""
        return self.home / "builds"

    @property
    def build(self) -> Path:
        """The binaries of this tree and their links, whether they were built or not."""
        return self.builds / source_key("node", *(["oldest"] if self.oldest else []))

    @property
    def bin(self) -> Path:
        """A link to the newest build, for people: `bin/kubectl`."""
        return self.home / "bin"

    @property
    def keys(self) -> Path:
        """Keys and certificates."""
        return self.home / "keys"

    @property
    def config(self) -> Path:
        """What the daemons are started with."""
        return self.home / "config"

    @property
    def logs(self) -> Path:
        """One file per daemon, and `audit.log`."""
        return self.home / "log"

    @property
    def data(self) -> Path:
        """etcd, images, volumes: goes with the cluster."""
        return self.home / "data"

    @property
    def kubeconfig(self) -> Path:
        """For the administrator."""
        return self.home / "kubeconfig"

    @property
    def control(self) -> Path:
        """The socket on which the node's first process takes orders."""
        return self.home / "control.sock"

    @property
    def pid(self) -> Path:
        """The node's first process, as the machine counts."""
        return self.home / "node.pid"

    def program(self, name: str) -> str:
        """The path of one of `PROGRAMS`."""
        return str(self.build / name)


def require(*programs: str) -> None:
    """Refuse to begin without what Debian's packages bring."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        message = f"{', '.join(missing)}: not found; `hack/system-packages` installs it on Debian and Ubuntu"
        raise ClusterError(message)
