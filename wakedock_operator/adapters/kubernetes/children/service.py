"""The Service `NAME-wakedock`: the address of an app that stays, whatever pods come and go."""

from typing import Any

from wakedock_operator.adapters.kubernetes.children.names import labels, owner, stable_service
from wakedock_operator.resource import Key

Json = dict[str, Any]


def stable(key: Key, uid: str, *, port: int, selector: dict[str, str]) -> Json:
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
            "selector": selector,
            "ports": [{"name": "app", "port": port, "protocol": "TCP", "targetPort": port}],
        },
    }
