"""What the operator makes for targets, and what it puts back."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hack.cluster.kubectl import Kubectl
from wakedock_operator.adapters.kubernetes.children import replicas
from wakedock_operator.adapters.kubernetes.client import Api, connect
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.workloads.targets import Target
from wakedock_operator.adapters.kubernetes.workloads.workloads import KubernetesWorkloads
from wakedock_operator.resource import API_VERSION, Key

pytestmark = pytest.mark.kubernetes


class Cluster:
    """One operator's workloads, and the objects of the namespace."""

    def __init__(self, api: Api, kubectl: Kubectl) -> None:
        self.api, self.kubectl = api, kubectl
        self.shelf = Shelf(lambda _: None)
        self.workloads = KubernetesWorkloads(api, self.shelf.entry)

    async def define(self, name: str = "shop") -> Key:
        spec = {"hosts": [f"{name}.test"], "port": 8080, "targetRef": {"name": name}}
        self.kubectl.apply({"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": name}, "spec": spec})
        raw = self.kubectl.get("wakeservice", name)
        self.shelf.put(raw)
        key = Key(self.kubectl.namespace, name)
        entry = self.shelf.entry(key)
        assert entry is not None
        await self.workloads.ensure(entry.service, entry.uid)
        return key

    def deploy(self, name: str = "shop", *, count: int = 2) -> None:
        labels = {"app": name, "tier": "web"}
        containers = [{"name": "web", "image": "web:1"}]
        spec = {
            "replicas": count,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        }
        self.kubectl.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})

    def expose(self, name: str, **selector: str) -> None:
        spec: dict[str, Any] = {"ports": [{"port": 80}]} | ({"selector": selector} if selector else {})
        self.kubectl.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})

    def target(self, name: str = "shop") -> Target:
        return Target(self.kubectl.namespace, "apps/v1", "Deployment", name)

    def count(self, name: str = "shop") -> int:
        found: int = self.kubectl.get("deployment", name)["spec"]["replicas"]
        return found

    def sleep(self, name: str = "shop") -> None:
        self.kubectl("scale", f"deployment/{name}", "--replicas=0")


@pytest.fixture
async def cluster(api: Path, kubectl: Kubectl) -> AsyncIterator[Cluster]:
    connected = await connect(kubeconfig=api)
    one = Cluster(connected, kubectl)
    yield one
    one.workloads.close()
    await connected.close()


async def test_services_that_lead_past_the_gateways_are_named(cluster: Cluster):
    cluster.deploy()
    cluster.expose("by-app", app="shop")
    cluster.expose("by-both", app="shop", tier="web")
    cluster.expose("another", app="other")
    cluster.expose("without-selector")
    key = await cluster.define()
    assert cluster.workloads.bypasses(key) == ["by-app", "by-both"]
    await cluster.workloads.remove(key, "")
    assert cluster.workloads.bypasses(key) == ()


async def test_a_target_that_comes_later_gets_its_address_that_stays_then(cluster: Cluster):
    key = await cluster.define()
    assert cluster.kubectl("get", "service", "--output=name") == ""
    await cluster.workloads.observe(key)
    cluster.deploy()
    await cluster.workloads.observe(key)
    assert cluster.kubectl.get("service", "shop-wakedock")["spec"]["selector"] == {"app": "shop"}


async def test_what_ended_while_nobody_watched_gets_its_replicas_back(cluster: Cluster, namespace: str):
    for name in ("shop", "kept"):
        cluster.deploy(name)
        await cluster.define(name)
        cluster.sleep(name)
    kept = cluster.kubectl.get("wakeservice", "kept")["metadata"]["uid"]

    async def alive() -> set[str]:
        return {kept}

    assert await replicas.restore_ended(cluster.api, alive, [namespace]) == [cluster.target("shop")]
    assert (cluster.count("shop"), cluster.count("kept")) == (2, 0)
    assert await replicas.restore_ended(cluster.api, alive, [namespace]) == []


async def test_a_successor_that_took_the_target_over_keeps_it(cluster: Cluster, namespace: str):
    cluster.deploy()
    await cluster.define()
    cluster.sleep()

    async def alive() -> set[str]:
        await replicas.remember(cluster.api, cluster.target(), 3, "uid-of-its-successor")
        return set()

    assert await replicas.restore_ended(cluster.api, alive, [namespace]) == []
    assert cluster.count() == 0
    assert await replicas.remembered(cluster.api, cluster.target()) == 3
