"""The Services of an app: `NAME-wakedock`, its address that stays whatever pods come and go, and the one for callers in the cluster."""

from collections.abc import Mapping
from typing import Any

from wakedock_operator.adapters.kubernetes.children.names import CALLERS_PORT, labels, owner, stable_service
from wakedock_operator.resource import Key, Protocol, WakeService
from wakedock_operator.resource.callers import DEFAULT_PORT

Json = dict[str, Any]


def stable(key: Key, uid: str, *, port: int, selector: Mapping[str, str]) -> Json:
    """It leads to the same port of the pods: ready ones alone, as every Service does."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": stable_service(key),
            "namespace": key.namespace,
            "labels": labels(key),
            "ownerReferences": owner(key, uid),
        },
        "spec": {
            "type": "ClusterIP",
            "selector": dict(selector),
            "ports": [{"name": "app", "port": port, "protocol": "TCP", "targetPort": port}],
        },
    }


def callers(service: WakeService, uid: str) -> Json:
    """It leads to the gateways, by slices that are kept apart from it: a selector would find only pods of its own namespace."""
    key, name, asked = service.key, service.service_name, service.spec.service
    port: Json = {"name": CALLERS_PORT, "port": DEFAULT_PORT if asked is None else asked.port, "protocol": "TCP"}
    if service.spec.protocol is Protocol.H2C:
        port["appProtocol"] = "kubernetes.io/h2c"
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": key.namespace, "labels": labels(key), "ownerReferences": owner(key, uid)},
        "spec": {"type": "ClusterIP", "ipFamilyPolicy": "PreferDualStack", "ports": [port]},
    }
