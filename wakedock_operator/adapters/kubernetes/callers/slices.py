"""EndpointSlices that lead a Service without a selector to the gateways. See the EndpointSlice API, discovery.k8s.io/v1."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any

from wakedock_operator.adapters.kubernetes.children.names import CALLERS_PORT, labels, owner
from wakedock_operator.adapters.kubernetes.gateways import GatewayPod
from wakedock_operator.resource import Key

API = "discovery.k8s.io/v1"
PLURAL = "endpointslices"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "wakedock.dev"
FAMILIES = {4: "IPv4", 6: "IPv6"}

Json = dict[str, Any]


def slices(key: Key, uid: str, *, service: str, port: int, gateways: Iterable[GatewayPod], namespace: str) -> Iterator[Json]:
    """One slice for each family of addresses. `namespace` is that of the gateways."""
    pods = tuple(gateways)
    for version, family in FAMILIES.items():
        yield {
            "apiVersion": API,
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{service}-wakedock-{family.lower()}",
                "namespace": key.namespace,
                "labels": labels(key) | {"kubernetes.io/service-name": service, MANAGED_BY: MANAGER},
                "ownerReferences": owner(key, uid),
            },
            "addressType": family,
            "ports": [{"name": CALLERS_PORT, "port": port, "protocol": "TCP"}],
            "endpoints": [
                _endpoint(pod, address, namespace) for pod in pods for address in pod.addresses if ip_address(address).version == version
            ],
        }


def _endpoint(pod: GatewayPod, address: str, namespace: str) -> Json:
    return {
        "addresses": [address],
        "conditions": {"ready": pod.ready and not pod.ending, "serving": pod.ready, "terminating": pod.ending},
        "targetRef": {"kind": "Pod", "name": pod.name, "namespace": namespace, "uid": pod.uid},
    }
