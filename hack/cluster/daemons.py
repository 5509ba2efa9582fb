"""The daemons of the node and what each is started with."""

import shutil
from collections.abc import Mapping
from string import Template

from hack.cluster.authority import SERVICE_ACCOUNTS, Authority
from hack.cluster.control_plane import ControlPlane
from hack.cluster.layout import API, API_IP, API_PORT, DNS_IP, NODE, NODE_IP, PAUSE, PODS, SOURCES, Layout

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
# As the API server knows them: user and group of the clients' certificates.
CLIENTS = {
    "kube-controller-manager": ("system:kube-controller-manager", "system:kube-controller-manager"),
    "kube-scheduler": ("system:kube-scheduler", "system:kube-scheduler"),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
    "kube-proxy": ("system:kube-proxy", "system:node-proxier"),
    "coredns": ("system:coredns", "wakedock"),
}


def control_plane(layout: Layout) -> ControlPlane:
    """The node's etcd and API server."""
    return ControlPlane(
        authority=Authority(layout.keys),
        data=layout.data / "etcd",
        audit=layout.logs / "audit.log",
        address=str(NODE_IP),
        port=API_PORT,
        etcd_port=2379,
        peer_port=2380,
    )


def configure(layout: Layout) -> None:
    """Write keys, kubeconfigs and the configuration files from `config/`."""
    plane = control_plane(layout)
    plane.issue(f"IP:{API_IP}")
    authority = plane.authority
    authority.issue("kubelet-server", user=NODE, group="wakedock", names=(f"DNS:{NODE}", f"IP:{NODE_IP}"))
    authority.issue("kubelet-client", user="kube-apiserver-kubelet-client", group="system:masters")
    authority.kubeconfig("admin", server=API, path=layout.kubeconfig)
    (layout.config / "cni").mkdir(parents=True)
    for name, (user, group) in CLIENTS.items():
        authority.issue(name, user=user, group=group)
        authority.kubeconfig(name, server=API, path=layout.config / f"{name}.kubeconfig")
    values = {
        "config": layout.config,
        "data": layout.data,
        "dns_ip": DNS_IP,
        "keys": layout.keys,
        "node": NODE,
        "node_ip": NODE_IP,
        "pause": PAUSE,
        "pods": PODS,
        "proxy_gates": "NFTablesProxyMode: true" if layout.oldest else "",
    }
    for template in (SOURCES / "config").iterdir():
        (layout.config / template.name).write_text(Template(template.read_text()).substitute(values))
    shutil.move(layout.config / "cni.conflist", layout.config / "cni" / "10-pods.conflist")
    (layout.config / "resolv.conf").touch()


def commands(layout: Layout) -> Mapping[str, tuple[str, ...]]:
    """The command of each daemon, by its name."""
    plane, program, config = control_plane(layout), layout.program, layout.config
    authority = plane.authority
    ca, client, signing = authority.certificate("ca"), "kubelet-client", authority.key(SERVICE_ACCOUNTS)

    def delegating(name: str) -> tuple[str, ...]:
        file = config / f"{name}.kubeconfig"
        return (
            f"--kubeconfig={file}",
            f"--authentication-kubeconfig={file}",
            f"--authorization-kubeconfig={file}",
            "--bind-address=127.0.0.1",
        )

    return {
        "containerd": ("containerd", "--config", str(config / "containerd.toml")),
        "etcd": plane.etcd(program("etcd")),
        "kube-apiserver": plane.api_server(
            program("kube-apiserver"),
            "--enable-admission-plugins=NodeRestriction",
            f"--kubelet-client-certificate={authority.certificate(client)}",
            f"--kubelet-client-key={authority.key(client)}",
            f"--kubelet-certificate-authority={ca}",
            "--kubelet-preferred-address-types=InternalIP",
        ),
        "kube-controller-manager": (
            program("kube-controller-manager"),
            *delegating("kube-controller-manager"),
            "--use-service-account-credentials",
            f"--service-account-private-key-file={signing}",
            f"--root-ca-file={ca}",
            f"--cluster-signing-cert-file={ca}",
            f"--cluster-signing-key-file={authority.key('ca')}",
            "--leader-elect=false",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ),
        "kube-scheduler": (program("kube-scheduler"), *delegating("kube-scheduler"), "--leader-elect=false"),
        "kubelet": (
            program("kubelet"),
            f"--config={config / 'kubelet.yaml'}",
            f"--kubeconfig={config / 'kubelet.kubeconfig'}",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_IP}",
        ),
        "kube-proxy": (program("kube-proxy"), f"--config={config / 'kube-proxy.yaml'}"),
        "coredns": (program("coredns"), "-conf", str(config / "Corefile")),
    }
