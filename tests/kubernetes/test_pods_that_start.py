"""How a gateway waits for a pod: it follows that one pod, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hack.cluster.kubectl import Kubectl
from wakedock_operator.adapters.kubernetes.client import connect
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.workloads.waking import KubernetesWaking
from wakedock_operator.ports.workloads import ProbeResult
from wakedock_operator.resource import API_VERSION, Key

pytestmark = pytest.mark.kubernetes

COMMAND_PROBE = {"exec": {"command": ["true"]}}


class Starting:
    """A StatefulSet of one pod which nobody runs; the test says what its kubelet would."""

    def __init__(self, waking: KubernetesWaking, kubectl: Kubectl, key: Key) -> None:
        self.waking, self.kubectl, self.key = waking, kubectl, key
        self.uid = ""

    def create(self, **container: Any) -> None:
        owner = self.kubectl.get("statefulset", "shop")["metadata"]
        reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "shop", "uid": owner["uid"], "controller": True}
        made = {"name": "shop-0", "labels": {"app": "shop"}, "ownerReferences": [reference]}
        containers = [{"name": "web", "image": "web:1", **container}]
        self.kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": made, "spec": {"containers": containers}})
        self.uid = self.kubectl.get("pod", "shop-0")["metadata"]["uid"]

    def say(self, status: str) -> None:
        self.kubectl("patch", "pod", "shop-0", "--subresource=status", "--type=merge", f'--patch={{"status": {status}}}')

    async def probed(self, said: str) -> ProbeResult:
        """What becomes of a probe during which the kubelet says that, or what comes after where it had ended before."""
        await self.waking.observe(self.key)
        probing = asyncio.create_task(self.waking.probe(self.key, self.uid))
        await asyncio.to_thread(self.say, said)
        result = await probing
        return result if result.ready else await self.waking.probe(self.key, self.uid)


@pytest.fixture
async def starting(api: Path, kubectl: Kubectl) -> AsyncIterator[Starting]:
    template = {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "shop"}}, "serviceName": "shop", "template": template}
    kubectl.apply({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "shop"}, "spec": spec})
    wanted = {"hosts": ["shop.test"], "port": 8080, "targetRef": {"kind": "StatefulSet", "name": "shop"}}
    kubectl.apply({"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": "shop"}, "spec": wanted})
    connected = await connect(kubeconfig=api)
    shelf = Shelf(lambda _: None)
    shelf.put(kubectl.get("wakeservice", "shop"))
    waking = KubernetesWaking(connected, shelf.entry)
    yield Starting(waking, kubectl, Key(kubectl.namespace, "shop"))
    waking.close()
    await connected.close()


async def test_an_address_is_announced_and_seen_by_the_next_look(starting: Starting):
    starting.create()
    # Followed from here on: what is announced before the first step of a watch is not for it.
    told = asyncio.ensure_future(anext(starting.waking.watch()))
    assert not (await starting.probed('{"podIP": "192.0.2.7", "podIPs": [{"ip": "192.0.2.7"}]}')).ready
    assert await told == starting.key
    observed = await starting.waking.observe(starting.key)
    assert [each.address for each in observed.live] == ["192.0.2.7:8080"]


async def test_a_pod_that_only_kubernetes_can_ask_counts_once_it_is_ready(starting: Starting):
    starting.create(readinessProbe=COMMAND_PROBE)
    assert (await starting.probed('{"podIP": "192.0.2.7", "conditions": [{"type": "Ready", "status": "True"}]}')).ready


async def test_a_wait_ends_soon_when_nothing_happens(starting: Starting):
    starting.create()
    await starting.waking.observe(starting.key)
    result = await starting.waking.probe(starting.key, starting.uid)
    assert (result.ready, result.waited) == (False, True)


async def test_one_that_goes_away_is_gone_and_its_successor_another(starting: Starting):
    starting.create()
    await starting.waking.observe(starting.key)
    probing = asyncio.create_task(starting.waking.probe(starting.key, starting.uid))
    first = starting.uid
    await asyncio.to_thread(starting.kubectl, "delete", "pod", "shop-0", "--force", "--grace-period=0")
    starting.create()
    assert not (await probing).ready
    assert (await starting.waking.probe(starting.key, first)).detail == "the pod is gone"
