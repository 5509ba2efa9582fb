"""An HPA, and the metrics API that it reads: as objects, so that a test says how much CPU each pod uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from hack.cluster.kubectl import Kubectl

Object = dict[str, Any]
GROUP, PLURAL = "metrics.k8s.io", "pods"
IDLE, LOADED = "1m", "20m"
"""What pods of the test app use of the 10m that they request."""
DEFINITION: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": f"{PLURAL}.{GROUP}",
        "annotations": {"api-approved.kubernetes.io": "unapproved, stands in for the metrics server in a test"},
    },
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": "PodMetrics", "listKind": "PodMetricsList", "plural": PLURAL, "singular": "podmetrics"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


def autoscaler(name: str, *, least: int, most: int) -> Object:
    """Aims at half of the CPU that the pods of a Deployment request, and lowers its count as soon as it may."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        },
    }


@contextmanager
def metrics(kubectl: Kubectl) -> Iterator[None]:
    """The API that says what pods use."""
    kubectl.apply(DEFINITION)
    try:
        kubectl("wait", "--for=condition=Established", f"customresourcedefinition/{PLURAL}.{GROUP}", "--timeout=30s")
        yield
    finally:
        kubectl("delete", f"customresourcedefinition/{PLURAL}.{GROUP}", "--timeout=30s")


def uses(kubectl: Kubectl, app: str, cpu: str) -> None:
    """Every pod of that app that is there uses so much CPU from now on."""
    pods = kubectl.get("pods", f"--selector=app={app}")["items"]
    kubectl.apply(*(_measured(pod["metadata"], app, cpu) for pod in pods))


def _measured(pod: Object, app: str, cpu: str) -> Object:
    return {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "PodMetrics",
        "metadata": {"name": pod["name"], "labels": pod["labels"]},
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "window": "0s",
        "containers": [{"name": app, "usage": {"cpu": cpu, "memory": "8Mi"}}],
    }
