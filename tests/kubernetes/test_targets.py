"""What the operator makes for targets, and what it puts back."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hack.cluster.kubectl import Kubectl
from tests.kubernetes.workloads_of_operator import OperatorWorkloads, workloads_of_operator
from wakedock_operator.adapters.kubernetes.children import replicas
from wakedock_operator.adapters.kubernetes.client import Api
from wakedock_operator.adapters.kubernetes.errors import Forbidden
from wakedock_operator.adapters.kubernetes.workloads import scaling
from wakedock_operator.adapters.kubernetes.workloads.targets import Target
from wakedock_operator.resource import Key

pytestmark = pytest.mark.kubernetes


class Cluster:
    """An operator's workloads, and targets of its WakeServices."""

    def __init__(self, parts: OperatorWorkloads) -> None:
        self.parts, self.api, self.kubectl, self.workloads = parts, parts.api, parts.kubectl, parts.workloads

    async def define(self, name: str = "shop") -> Key:
        return await self.parts.make(name, {"hosts": [f"{name}.test"], "port": 8080, "targetRef": {"name": name}})

    def deploy(self, name: str = "shop", *, count: int = 2, label: str = "") -> None:
        labels = {"app": label or name, "tier": "web"}
        containers = [{"name": "web", "image": "web:1"}]
        spec = {
            "replicas": count,
            "selector": {"matchLabels": {"app": labels["app"]}},
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

    async def bypassed(self, key: Key, *names: str) -> None:
        """Wait until these, and no others, are named."""
        await self.parts.until(lambda: self.workloads.bypasses(key) == [*names])

    def sleep(self, name: str = "shop") -> None:
        self.kubectl("scale", f"deployment/{name}", "--replicas=0")


@pytest.fixture
async def cluster(api: Path, kubectl: Kubectl) -> AsyncIterator[Cluster]:
    async with workloads_of_operator(api, kubectl) as parts:
        yield Cluster(parts)


async def test_services_that_lead_past_the_gateways_are_named(cluster: Cluster):
    cluster.deploy()
    cluster.expose("by-app", app="shop")
    cluster.expose("another", app="other")
    cluster.expose("without-selector")
    key = await cluster.define()
    await cluster.bypassed(key, "by-app")
    cluster.expose("by-both", app="shop", tier="web")
    await cluster.bypassed(key, "by-app", "by-both")
    cluster.kubectl("delete", "service", "by-app")
    await cluster.bypassed(key, "by-both")
    await cluster.workloads.remove(key, "")
    assert cluster.workloads.bypasses(key) == ()


async def test_what_led_past_the_gateways_and_went_unseen_is_gone_with_the_next_list(cluster: Cluster):
    cluster.deploy()
    cluster.expose("by-app", app="shop")
    key = await cluster.define()
    await cluster.bypassed(key, "by-app")
    cluster.workloads.services.replace_all(key.namespace, ())
    assert cluster.workloads.bypasses(key) == []


async def test_a_target_that_comes_later_gets_its_address_that_stays_then(cluster: Cluster):
    key = await cluster.define()
    assert cluster.kubectl("get", "service", "--output=name") == ""
    await cluster.workloads.observe(key)
    cluster.deploy()
    await cluster.workloads.observe(key)
    assert cluster.kubectl.get("service", "shop-wakedock")["spec"]["selector"] == {"app": "shop"}


async def test_a_target_that_is_made_again_with_another_selector_keeps_its_address_that_stays(cluster: Cluster):
    cluster.deploy()
    key = await cluster.define()
    await cluster.workloads.observe(key)
    cluster.kubectl("delete", "deployment/shop")
    cluster.deploy(label="shop-2")
    await cluster.workloads.observe(key)
    assert cluster.kubectl.get("service", "shop-wakedock")["spec"]["selector"] == {"app": "shop-2"}


async def test_a_workload_of_a_kind_that_no_watch_shows_is_looked_at_again_and_again(cluster: Cluster):
    """Its definition may have been installed after the watches began."""
    labels = {"matchLabels": {"app": "shop"}}
    template = {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 0, "selector": labels, "template": template}
    cluster.kubectl.apply({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "shop"}, "spec": spec})
    key = await cluster.parts.make("shop", {"hosts": ["shop.test"], "port": 8080, "targetRef": {"kind": "ReplicaSet", "name": "shop"}})
    await cluster.workloads.observe(key)
    announced = cluster.workloads.watch()
    async with asyncio.timeout(20):
        for _ in range(3):
            await anext(announced)
            await cluster.workloads.observe(key)
    seen = json.dumps({"status": {"replicas": 0, "observedGeneration": 1}})
    cluster.kubectl("patch", "replicaset/shop", "--subresource=status", "--type=merge", f"--patch={seen}")
    cluster.workloads.moved(cluster.kubectl.get("replicaset", "shop"))
    await cluster.workloads.observe(key)
    assert repr(cluster.workloads).endswith("Motion()>")


async def test_a_target_that_is_refused_when_its_wakeservice_ends_is_asked_for_again(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    cluster.deploy()
    key = await cluster.define()
    cluster.sleep()
    start = scaling.start

    async def refuse(api: Api, path: str, count: int) -> bool:
        message = f"PATCH {path}/scale: 403 Forbidden: not today"
        raise Forbidden(message, status=403)

    uid = cluster.kubectl.get("wakeservice", "shop")["metadata"]["uid"]
    monkeypatch.setattr(scaling, "start", refuse)
    for _ in range(2):
        with pytest.raises(Forbidden):
            await cluster.workloads.remove(key, uid)
    monkeypatch.setattr(scaling, "start", start)
    await cluster.workloads.remove(key, uid)
    assert cluster.count() == 2


async def test_a_count_whose_config_map_somebody_deleted_is_that_of_the_status(cluster: Cluster):
    cluster.deploy()
    key = await cluster.define()
    cluster.sleep()
    status = {"status": {"serving": "Asleep", "epoch": 2, "since": "2026-03-02T12:00:00Z", "replicas": 2}}
    cluster.kubectl("patch", "wakeservice/shop", "--subresource=status", "--type=merge", f"--patch={json.dumps(status)}")
    cluster.parts.shelf.put(cluster.kubectl.get("wakeservice", "shop"))
    await cluster.workloads.observe(key)
    cluster.kubectl("delete", "configmap", replicas.CONFIG_MAP)
    ended = cluster.kubectl.get("wakeservice", "shop")
    cluster.parts.shelf.drop(ended)
    await cluster.workloads.remove(key, ended["metadata"]["uid"])
    assert cluster.count() == 2


async def test_the_late_end_of_a_predecessor_does_not_wake_the_target_of_its_successor(cluster: Cluster):
    cluster.deploy()
    key = await cluster.define()
    former = cluster.kubectl.get("wakeservice", "shop")["metadata"]["uid"]
    cluster.sleep()
    cluster.kubectl("delete", "wakeservice/shop", "service/shop-wakedock")
    await cluster.define()
    await cluster.workloads.remove(key, former)
    assert cluster.count() == 0
    assert cluster.workloads.keys() == {key}
