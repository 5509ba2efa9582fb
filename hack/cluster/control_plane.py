"""How etcd and the API server are started, in the cluster and alone: one place, so that both are configured the same."""

from dataclasses import dataclass
from pathlib import Path

from hack.cluster.authority import SERVICE_ACCOUNTS, Authority
from hack.cluster.layout import SERVICES, SOURCES

ISSUER = "https://kubernetes.default.svc.cluster.local"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """etcd on loopback and an API server before it. `audit` is the file that gets one line per request."""

    authority: Authority
    data: Path
    audit: Path
    address: str
    port: int
    etcd_port: int
    peer_port: int

    @property
    def server(self) -> str:
        """The address clients use."""
        return f"https://{self.address}:{self.port}"

    def issue(self, *names: str) -> None:
        """Sign what the API server and its administrator need; the server's certificate holds for `names`, too."""
        self.authority.establish()
        own = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost")
        addresses = ("IP:127.0.0.1", f"IP:{self.address}")
        self.authority.issue(
            "kube-apiserver", user="kube-apiserver", group="wakedock", names=(*(f"DNS:{name}" for name in own), *addresses, *names)
        )
        self.authority.issue("front-proxy", user="front-proxy-client", group="wakedock")
        self.authority.issue("admin", user="admin", group="system:masters")

    def etcd(self, program: str) -> tuple[str, ...]:
        """The command of etcd. Nothing is synced to disk: a test's cluster need not outlive the machine's power."""
        clients, peers = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.peer_port}"
        listening = (f"--listen-client-urls={clients}", f"--advertise-client-urls={clients}", f"--listen-peer-urls={peers}")
        cluster = (f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=default={peers}")
        return (program, f"--data-dir={self.data}", "--unsafe-no-fsync", "--log-level=warn", *listening, *cluster)

    def api_server(self, program: str, *more: str) -> tuple[str, ...]:
        """The command of the API server, RBAC on."""
        ca, signing = self.authority.certificate("ca"), self.authority.folder / SERVICE_ACCOUNTS
        own, front = "kube-apiserver", "front-proxy"
        return (
            program,
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            f"--advertise-address={self.address}",
            f"--secure-port={self.port}",
            f"--service-cluster-ip-range={SERVICES}",
            "--allow-privileged",
            "--authorization-mode=Node,RBAC",
            f"--client-ca-file={ca}",
            f"--tls-cert-file={self.authority.certificate(own)}",
            f"--tls-private-key-file={self.authority.key(own)}",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={signing}.pub",
            f"--service-account-signing-key-file={signing}.key",
            f"--requestheader-client-ca-file={ca}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={self.authority.certificate(front)}",
            f"--proxy-client-key-file={self.authority.key(front)}",
            f"--audit-policy-file={SOURCES / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit}",
            "--audit-log-maxsize=500",
            "--audit-log-maxbackup=1",
            *more,
        )
