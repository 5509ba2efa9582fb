"""How a gateway waits for a pod: it follows those of the workload that starts, and asks one as soon as it has an address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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

    def __init__(self, waking: KubernetesWaking, shelf: Shelf, kubectl: Kubectl) -> None:
        self.waking, self.shelf, self.kubectl = waking, shelf, kubectl
        self.key = Key(kubectl.namespace, "shop")
        self.uid = ""

    def defines(self, port: int) -> None:
        wanted = {"hosts": ["shop.test"], "port": port, "targetRef": {"kind": "StatefulSet", "name": "shop"}}
        self.kubectl.apply({"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": "shop"}, "spec": wanted})
        self.shelf.put(self.kubectl.get("wakeservice", "shop"))

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


@asynccontextmanager
async def app() -> AsyncIterator[int]:
    """Something that answers every request, at this port of 127.0.0.1."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def starting(api: Path, kubectl: Kubectl) -> AsyncIterator[Starting]:
    template = {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "shop"}}, "serviceName": "shop", "template": template}
    kubectl.apply({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "shop"}, "spec": spec})
    connected = await connect(kubeconfig=api)
    shelf = Shelf(lambda _: None)
    waking = KubernetesWaking(connected, shelf.entry)
    made = Starting(waking, shelf, kubectl)
    made.defines(8080)
    yield made
    waking.close()
    await connected.close()


async def test_a_pod_is_asked_as_soon_as_it_has_an_address_without_another_look(starting: Starting):
    starting.create()
    async with app() as port:
        starting.defines(port)
        result = await starting.probed('{"podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}')
    assert (result.ready, result.address) == (True, f"127.0.0.1:{port}")


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
