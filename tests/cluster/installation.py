"""WakeDock on the cluster of the tests, installed as a person would: the chart, with the images of this tree."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import ClusterError
from tests.cluster import fleet
from tests.cluster.api import api, watch
from tests.cluster.workloads import PORT, container

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "wakedock"
RELEASE = "wakedock"
IMAGES = (
    "image.repository=wakedock",
    "image.tag=e2e",
    "gateway.caddy.image.repository=caddy",
    "gateway.caddy.image.tag=e2e",
)
KINDS = (
    ("apps", "Deployment", "deployments"),
    ("apps", "StatefulSet", "statefulsets"),
    ("apps", "ReplicaSet", "replicasets"),
    (fleet.GROUP, fleet.KIND, fleet.PLURAL),
)
"""What a `targetRef` may name: two kinds more than the chart says by itself."""
TARGETS = tuple(
    f"scaleTargets[{number}].{field}={value}"
    for number, kind in enumerate(KINDS)
    for field, value in zip(("apiGroup", "kind", "resource"), kind, strict=True)
)

Object = dict[str, Any]


def helm(kubeconfig: Path, *arguments: str) -> str:
    """Run Helm. Raises ClusterError with what it said."""
    program = subprocess.run([ROOT / "hack/helm"], capture_output=True, text=True, check=True).stdout.strip()
    command = [program, f"--kubeconfig={kubeconfig}", f"--namespace={NAMESPACE}", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        message = f"helm {' '.join(arguments)}: {ended.stderr.strip() or ended.stdout.strip()}"
        raise ClusterError(message)
    return ended.stdout


@dataclass(frozen=True, slots=True)
class Installation:
    """A release of the chart."""

    kubeconfig: Path
    kubectl: Kubectl
    """In the namespace of the release."""

    def install(self, *values: str) -> None:
        """Install or upgrade; returns when everything is ready."""
        settings = [f"--set={value}" for value in (*IMAGES, *TARGETS, *values)]
        helm(self.kubeconfig, "upgrade", "--install", RELEASE, str(ROOT / "charts/wakedock"), "--create-namespace", *settings)
        for name in ("operator", "gateway"):
            self.rolled_out(name)

    def rolled_out(self, name: str) -> None:
        """Wait until as many pods of the `operator` or the `gateway` are ready as there shall be; those on their way out do not count."""
        self.kubectl("rollout", "status", f"deployment/{RELEASE}-{name}", "--timeout=180s")

    def uninstall(self) -> None:
        """Take the release away, hooks included."""
        helm(self.kubeconfig, "uninstall", RELEASE, "--wait", "--timeout=120s")

    @property
    def address(self) -> str:
        """The ClusterIP of the gateways; asks the API server."""
        found: str = self.kubectl.get("service", f"{RELEASE}-gateway")["spec"]["clusterIP"]
        return found

    def gateways(self) -> dict[str, str]:
        """The gateways' pods that are not on their way out: their addresses, by name."""
        pods = self.kubectl.get("pods", "--selector=app.kubernetes.io/component=gateway")["items"]
        there = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        return {pod["metadata"]["name"]: pod["status"].get("podIP", "") for pod in there}

    def held(self, gateway: str) -> int:
        """How many requests that gateway holds right now, by its own word."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{gateway}:9090/proxy/metrics"
        lines = api(self.kubeconfig).get(path).text.splitlines()
        return int(next(float(line.split()[1]) for line in lines if line.startswith("wakedock_held ")))


def app(namespace: str, name: str, *, env: dict[str, str] | None = None, **spec: Any) -> Object:
    """A WakeService with the test app, which Pod Security *restricted* admits."""
    made = container("app", env=env)
    kept = {field: made[field] for field in ("image", "env", "readinessProbe", "resources", "securityContext")}
    return wakeservice(namespace, name, app=kept, **spec)


def wakeservice(namespace: str, name: str, **spec: Any) -> Object:
    """A WakeService of that name. Its host is its own, as services of earlier tests may still be on their way out."""
    return {
        "apiVersion": "wakedock.dev/v1alpha1",
        "kind": "WakeService",
        "metadata": {"name": name},
        "spec": {"hosts": [host(namespace, name)], "port": PORT, "idleTimeout": "3s", **spec},
    }


def host(namespace: str, name: str) -> str:
    """The host of a service."""
    return f"{name}.{namespace}.test"


def wakeservices(namespace: str) -> str:
    """The path of a namespace's WakeServices in the API."""
    return f"/apis/wakedock.dev/v1alpha1/namespaces/{namespace}/wakeservices"


def reason(status: Object, condition: str) -> str:
    """The reason of a condition; empty where there is none."""
    return next((str(each["reason"]) for each in status.get("conditions", ()) if each["type"] == condition), "")


@dataclass(frozen=True, slots=True)
class Seen:
    """One WakeService, as the tests look at it."""

    kubectl: Kubectl
    name: str

    @property
    def host(self) -> str:
        """Where it is asked."""
        return host(self.kubectl.namespace, self.name)

    def status(self) -> Object:
        """Its status; empty while there is none."""
        found: Object = api(self.kubectl.kubeconfig).get(f"{wakeservices(self.kubectl.namespace)}/{self.name}").json()
        return found.get("status") or {}

    def ready(self) -> Object:
        """Wait until a request would be served, while it sleeps; returns the status."""
        return self.watch(
            lambda status: (
                status.get("serving") == "Asleep"
                and any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ()))
            )
        )

    def until(self, serving: str, *, after: int = -1, timeout: int = 60) -> Object:
        """Wait until it serves so in an epoch after `after`; returns the status. The watch of the API server is what is waited on."""
        return self.watch(lambda status: status.get("serving") == serving and status.get("epoch", -1) > after, timeout=timeout)

    def watch(self, holds: Callable[[Object], bool], *, timeout: int = 60) -> Object:
        """Wait until `holds` of the status; returns it. Raises TimeoutError with the last one."""
        last: Object = {}
        for seen in watch(self.kubectl.kubeconfig, wakeservices(self.kubectl.namespace), name=self.name, timeout=timeout):
            last = seen.get("status") or {}
            if holds(last):
                return last
        raise TimeoutError(f"{self.name} did not get there in {timeout} s; last seen: {json.dumps(last)}")
