"""A kind of one's own with `/scale`, and its controller: each Fleet has a ReplicaSet of its name."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import ClusterError
from tests.cluster.api import watch
from tests.cluster.workloads import workload

Object = dict[str, Any]
GROUP, KIND, PLURAL = "test.wakedock.dev", "Fleet", "fleets"
WATCHED = 2
"""How many seconds the controller watches before it looks whether it has ended."""
_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
DEFINITION: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{PLURAL}.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": KIND, "plural": PLURAL, "singular": "fleet"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": _ANYTHING, "status": _ANYTHING}}},
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.replicas",
                        "statusReplicasPath": ".status.replicas",
                        "labelSelectorPath": ".status.selector",
                    },
                },
            }
        ],
    },
}


def fleet(name: str, replicas: int) -> Object:
    """A Fleet of the test app."""
    return {"apiVersion": f"{GROUP}/v1", "kind": KIND, "metadata": {"name": name}, "spec": {"replicas": replicas}}


@contextmanager
def fleets(kubectl: Kubectl) -> Iterator[None]:
    """The kind, and a controller that gives every Fleet of the namespace as many pods as it asks for and says so in its status."""
    kubectl.apply(DEFINITION)
    kubectl("wait", "--for=condition=Established", f"customresourcedefinition/{PLURAL}.{GROUP}", "--timeout=30s")
    failures: list[ClusterError] = []
    ended = threading.Event()
    controller = threading.Thread(target=_control, args=(kubectl, ended, failures))
    controller.start()
    try:
        yield
    finally:
        ended.set()
        kubectl("delete", f"customresourcedefinition/{PLURAL}.{GROUP}", "--timeout=60s")
        controller.join()
    if failures:
        raise failures[0]


def _control(kubectl: Kubectl, ended: threading.Event, failures: list[ClusterError]) -> None:
    path = f"/apis/{GROUP}/v1/namespaces/{kubectl.namespace}/{PLURAL}"
    while not ended.is_set():
        for seen in watch(kubectl.kubeconfig, path, timeout=WATCHED):
            try:
                _reconcile(kubectl, seen)
            except ClusterError as error:
                # Once the kind goes, what is written about the last of its objects comes too late.
                if not ended.is_set():
                    failures.append(error)


def _reconcile(kubectl: Kubectl, seen: Object) -> None:
    name, generation, replicas = seen["metadata"]["name"], seen["metadata"]["generation"], seen["spec"]["replicas"]
    if seen.get("status", {}).get("observedGeneration") == generation:
        return
    kubectl.apply(workload(name, kind="ReplicaSet", replicas=replicas))
    status = {"status": {"observedGeneration": generation, "replicas": replicas, "selector": f"app={name}"}}
    kubectl("patch", f"{PLURAL}.{GROUP}", name, "--subresource=status", "--type=merge", f"--patch={json.dumps(status)}")
