"""The app of the cluster's tests and the ledger it writes to, as objects to apply. `hack/cluster/testapp/main.go` says what it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import TESTAPP
from tests.cluster.api import api

Object = dict[str, Any]
PORT = 8080


def container(name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Object:
    """One that Pod Security *restricted* admits."""
    return {
        "name": name,
        "image": TESTAPP,
        "args": list(arguments),
        "env": [{"name": key, "value": value} for key, value in (env or {}).items()],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def workload(name: str, *arguments: str, kind: str = "Deployment", replicas: int = 0, env: Mapping[str, str] | None = None) -> Object:
    """A Deployment or StatefulSet of the test app."""
    labels = {"app": name}
    spec: Object = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container(name, *arguments, env=env)]}},
    }
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def service(name: str) -> Object:
    """The ClusterIP Service on port 80 of the workload of that name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": PORT}]},
    }


def evict_pod(kubectl: Kubectl, name: str) -> None:
    """Evict a pod of kubectl's namespace, as the drain of a node does; one that is gone is left alone."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": kubectl.namespace}}
    try:
        api(kubectl.kubeconfig).post(f"/api/v1/namespaces/{kubectl.namespace}/pods/{name}/eviction", json=eviction)
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger of one namespace. Apps find it at `url` (their `LEDGER`)."""

    kubectl: Kubectl
    name: str = "ledger"

    @property
    def url(self) -> str:
        """Where apps of any namespace write: the pod itself, which is there also while its Service has no ready pod."""
        (pod,) = self.kubectl.get("pods", f"--selector=app={self.name}")["items"]
        return f"http://{pod['status']['podIP']}:{PORT}"

    def open(self) -> None:
        """Start it; returns when it takes entries."""
        self.kubectl.apply(workload(self.name, "ledger", replicas=1), service(self.name))
        self.kubectl("rollout", "status", f"deployment/{self.name}", "--timeout=60s")
        self.reach(self.name)

    def reach(self, service: str) -> None:
        """Wait until pods reach port 80 of a Service: a rollout is over before the node's proxy has learned of it."""
        self.kubectl("exec", f"deployment/{self.name}", "--", "/testapp", "reach", f"{service}:80")

    def served(self) -> dict[str, list[str]]:
        """Who served each request: more than one name is a request served twice."""
        path = f"/api/v1/namespaces/{self.kubectl.namespace}/services/{self.name}:80/proxy/served"
        book: dict[str, list[str]] = api(self.kubectl.kubeconfig).get(path).json()
        return book
