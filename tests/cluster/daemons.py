"""The daemons of the cluster of hack/cluster, in the hands of a test."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, SIGUSR1

from hack.cluster import lifecycle, orders
from hack.cluster.layout import API_PORT, Layout


@dataclass(frozen=True, slots=True)
class Daemons:
    """kube-apiserver, etcd, kube-controller-manager, kube-scheduler, kubelet, kube-proxy, coredns, containerd."""

    layout: Layout

    def stop(self, name: str) -> None:
        """SIGTERM; returns when it ended."""
        orders.signal(self.layout, name, SIGTERM)

    def kill(self, name: str) -> None:
        """SIGKILL; returns when it ended."""
        orders.signal(self.layout, name, SIGKILL)

    def freeze(self, name: str) -> None:
        """SIGSTOP; returns when it stands still."""
        orders.signal(self.layout, name, SIGSTOP)

    def thaw(self, name: str) -> None:
        """SIGCONT; returns when it goes on."""
        orders.signal(self.layout, name, SIGCONT)

    def start(self, name: str) -> None:
        """Start it; it is started, not ready, when this returns."""
        orders.start(self.layout, name)

    def bring_back_api_server(self) -> None:
        """Start a killed API server; returns when it answers.

        Controllers, scheduler, kubelet and proxy are started anew: refused while it read its roles, they would wait for up to a minute.
        DNS, for which the same holds, reads everything anew and answers meanwhile.
        """
        for name in ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"):
            self.kill(name)
        lifecycle.bring_up_daemons(self.layout)
        orders.signal(self.layout, "coredns", SIGUSR1)

    @contextmanager
    def cut_off(self, address: str) -> Iterator[None]:
        """Nothing that the pod of this address sends reaches the API server, on connections that are open neither. Nobody tells it so."""
        rule = ("INPUT", "--source", address, "--protocol", "tcp", "--dport", str(API_PORT), "--jump", "DROP")
        self._iptables("--insert", *rule)
        try:
            yield
        finally:
            self._iptables("--delete", *rule)

    def _iptables(self, *words: str) -> None:
        subprocess.run(lifecycle.within(self.layout, "iptables", "--wait", *words), check=True)

    def restore(self) -> None:
        """Thaw and start all that do not run; returns when the cluster is whole."""
        for name, state in orders.states(self.layout).items():
            if state == "frozen":
                self.thaw(name)
        lifecycle.bring_up_daemons(self.layout)
