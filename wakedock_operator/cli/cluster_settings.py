"""The options of `wakedock gateway` and `wakedock operator`."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from wakedock_operator.cli.addresses import Address
from wakedock_operator.cli.settings import Logging, Serving, Texts


def _address(text: str) -> str:
    return str(Address.parse(text))


class Cluster(Logging):
    """Which cluster, and what of it."""

    kubeconfig: Path | None = Field(
        default=None, description="A kubeconfig file. By default the pod's own account, else what `KUBECONFIG` names."
    )
    context: str | None = Field(default=None, description="The context of the kubeconfig. By default its current one.")
    namespace: str = Field(default="wakedock", min_length=1, description="The namespace in which WakeDock itself runs.")
    watch_namespaces: Texts = Field(
        default=(), description="Namespaces whose WakeServices are served. By default those of the whole cluster."
    )


class Lasting(Cluster):
    """What a process that goes on running needs besides."""

    allowed_hosts: Path | None = Field(
        default=None,
        description="A YAML file that says which hosts each namespace may have: `NAMESPACE: [PATTERN, …]`, with `*` for every other one. "
        "By default any.",
    )
    metrics_listen: Annotated[str, AfterValidator(_address)] = Field(
        default=":9090", description="The address of `/health/started`, `/health/live`, `/health/ready` and `/metrics`."
    )


class GatewaySettings(Serving, Lasting):
    """Every option of `wakedock gateway`."""

    name: str = Field(default="", description="How this gateway signs its reports: the name of its pod.")
    runtime: Path = Field(
        default=Path("/run/wakedock"),
        description="The directory in memory that it shares with its Caddy: sockets, steering files, configuration.",
    )
    certificates: Path | None = Field(
        default=None, description="A folder with one folder per certificate, each with `tls.crt` and `tls.key`. By default there is no TLS."
    )
    acme_storage: Path | None = Field(
        default=None,
        description="A directory that all gateways share, in which Caddy keeps accounts and certificates of a public authority (ACME). By "
        "default there is no TLS.",
    )
    proxy_protocol: Texts = Field(default=(), description="Networks of load balancers that say in the PROXY protocol who their client is.")


class OperatorSettings(Lasting):
    """Every option of `wakedock operator`."""

    gateway_selector: str = Field(
        default="app.kubernetes.io/component=gateway,app.kubernetes.io/instance=wakedock",
        description="The labels of the gateways' pods, in the namespace of WakeDock.",
    )
    gateway_port: int = Field(default=9090, ge=1, le=65535, description="The port on which gateways say what they have in force.")
    scale_targets: Texts = Field(
        default=("deployments.apps", "statefulsets.apps"),
        description="The kinds of workloads that `targetRef` may name, as `PLURAL.GROUP`: they are watched.",
    )
    name: str = Field(default="", description="How this operator signs, unlike any other. By default the host's name, which is its pod's.")
    lease: str = Field(default="wakedock-operator", description="The Lease that one operator at a time holds.")


class RestoreSettings(Cluster):
    """Every option of `wakedock restore`."""

    stop_operator: str | None = Field(
        default=None, description="A Deployment in the namespace of WakeDock that is scaled to zero first: its operator."
    )
