"""The Service for callers in the cluster: its port, its slices, and what is left of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hack.cluster.kubectl import Kubectl
from wakedock_operator.adapters.kubernetes.callers.keeper import CallersKeeper
from wakedock_operator.adapters.kubernetes.callers.ports import REST
from wakedock_operator.adapters.kubernetes.callers.record import PortRecord
from wakedock_operator.adapters.kubernetes.catalog import PLURAL
from wakedock_operator.adapters.kubernetes.client import connect, resource_path
from wakedock_operator.adapters.kubernetes.errors import ApiError
from wakedock_operator.adapters.kubernetes.gateways import PodGateways
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.adapters.kubernetes.workloads.workloads import KubernetesWorkloads
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.ports.workloads import Unsupported
from wakedock_operator.resource import API_VERSION, Key

pytestmark = pytest.mark.kubernetes


class Operator:
    """What an operator does for callers: makes the Services, and keeps ports and slices."""

    def __init__(self, api: Any, namespace: str, kubectl: Kubectl) -> None:
        self.api, self.namespace, self.kubectl = api, namespace, kubectl
        self.key = Key(namespace, "wiki")
        self.shelf = Shelf(lambda _: None)
        self.workloads = KubernetesWorkloads(api, self.shelf.entry)
        self.gateways = PodGateways(api, namespace="wakedock", selector="x=y")
        self.record = PortRecord(api, namespace=namespace, name="ports")
        self.keeper = CallersKeeper(api, self.shelf, self.gateways, namespace="wakedock", record=self.record)
        path = resource_path(API_VERSION, PLURAL, namespace=namespace)
        self.watching = Watching(api, path, put=self.shelf.put, drop=self.shelf.drop, replace_all=self.shelf.replace_all)
        self.pods = 0

    async def define(self, **spec: object) -> None:
        document = {
            "apiVersion": API_VERSION,
            "kind": "WakeService",
            "metadata": {"name": "wiki", "namespace": self.namespace},
            "spec": {"port": 8080, "app": {"image": "wiki:1"}, **spec},
        }
        await self.kubectl_apply(document)
        await self.until(lambda: self.shelf.entry(self.key) is not None and self._defined_by(spec))
        await self.made(self.key)

    def _defined_by(self, spec: dict[str, Any]) -> bool:
        service = self.entry(self.key).service
        return (service.spec.service is not None) == ("service" in spec) and service.service_name == spec.get("service", {}).get(
            "name", "wiki"
        )

    def entry(self, key: Key) -> Entry:
        entry = self.shelf.entry(key)
        assert entry is not None
        return entry

    async def made(self, key: Key) -> None:
        entry = self.entry(key)
        await self.workloads.ensure(entry.service, entry.uid)

    async def kubectl_apply(self, document: dict[str, Any]) -> None:
        await asyncio.to_thread(self.kubectl.apply, document)

    def gateway(self, name: str, address: str, *, ready: bool = True, ending: bool = False, node: str = "node") -> None:
        metadata: dict[str, Any] = {"name": name, "uid": f"uid-of-{name}", "resourceVersion": "1"}
        if ending:
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
        status = {"phase": "Running", "podIPs": [{"ip": address}], "conditions": conditions}
        self.gateways.put({"metadata": metadata, "spec": {"nodeName": node}, "status": status})

    @property
    def port(self) -> int | None:
        return self.entry(self.key).callers_port

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            async for _ in self.shelf.definitions.follow((None,)):
                if holds():
                    return

    async def slices(self) -> dict[str, Any]:
        found = await self.api.read_all(resource_path("discovery.k8s.io/v1", "endpointslices", namespace=self.namespace))
        return {each["metadata"]["labels"]["kubernetes.io/service-name"] + "/" + each["addressType"]: each for each in found}

    async def led_to(self, *addresses: str, service: str = "wiki") -> dict[str, Any]:
        """Wait until the Service's slice has these addresses."""
        async with asyncio.timeout(20):
            while True:
                found = (await self.slices()).get(f"{service}/IPv4")
                if found is not None and sorted(each["addresses"][0] for each in found.get("endpoints") or ()) == sorted(addresses):
                    return dict(found)
                await asyncio.sleep(0.05)

    async def services(self) -> dict[str, Any]:
        found = await self.api.read_all(resource_path("v1", "services", namespace=self.namespace))
        return {each["metadata"]["name"]: each for each in found}

    async def recorded(self, holds: Callable[[dict[int, float | None]], bool]) -> None:
        """Wait until the record of ports is so."""
        async with asyncio.timeout(20):
            while not holds(await self.record.read()):
                await asyncio.sleep(0.05)


@pytest.fixture
async def operator(api: Path, namespace: str, kubectl: Kubectl) -> AsyncIterator[Operator]:
    connected = await connect(kubeconfig=api)
    one = Operator(connected, namespace, kubectl)
    tasks = [asyncio.create_task(one.watching.run())]
    await one.watching.synced.wait()
    tasks.append(asyncio.create_task(one.keeper.run()))
    yield one
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    one.workloads.close()
    await connected.close()


async def test_an_app_has_a_service_of_its_name_that_leads_to_the_gateways(operator: Operator):
    operator.gateway("gateway-a", "10.1.0.1")
    operator.gateway("gateway-b", "10.1.0.2", ready=False)
    operator.gateway("gateway-v6", "2001:db8::1")
    await operator.define()
    found = await operator.led_to("10.1.0.1", "10.1.0.2")
    assert 20_000 <= (operator.port or 0) < 30_000
    assert found["ports"] == [{"name": "http", "port": operator.port, "protocol": "TCP"}]
    assert [each["conditions"]["ready"] for each in found["endpoints"]] == [True, False]
    assert found["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == "wakedock.dev"
    service = (await operator.services())["wiki"]
    assert "selector" not in service["spec"]
    assert [(port["name"], port["port"]) for port in service["spec"]["ports"]] == [("http", 80)]
    for child in (service, found):
        assert child["metadata"]["ownerReferences"][0]["kind"] == "WakeService"


async def test_slices_follow_the_gateways(operator: Operator):
    operator.gateway("gateway-a", "10.1.0.1")
    await operator.define()
    await operator.led_to("10.1.0.1")
    operator.gateway("gateway-b", "10.1.0.2")
    await operator.led_to("10.1.0.1", "10.1.0.2")
    operator.gateway("gateway-a", "10.1.0.1", ending=True)
    async with asyncio.timeout(20):
        while True:
            found = await operator.led_to("10.1.0.1", "10.1.0.2")
            ending = next(each for each in found["endpoints"] if each["targetRef"]["name"] == "gateway-a")
            if ending["conditions"] == {"ready": False, "serving": True, "terminating": True}:
                break
            await asyncio.sleep(0.05)
    operator.gateways.drop({"metadata": {"uid": "uid-of-gateway-a"}})
    await operator.led_to("10.1.0.2")


async def test_another_name_takes_the_place_of_the_first_with_the_same_port(operator: Operator):
    operator.gateway("gateway-a", "10.1.0.1")
    await operator.define()
    await operator.led_to("10.1.0.1")
    port = operator.port
    await operator.define(service={"name": "docs", "port": 8000})
    found = await operator.led_to("10.1.0.1", service="docs")
    assert found["ports"][0]["port"] == operator.port == port
    async with asyncio.timeout(20):
        while "wiki" in await operator.services() or "wiki/IPv4" in await operator.slices():
            await asyncio.sleep(0.05)
    assert (await operator.services())["docs"]["spec"]["ports"][0]["port"] == 8000


async def test_a_service_of_somebody_else_is_left_alone(operator: Operator):
    operator.gateway("gateway-a", "10.1.0.1")
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "wiki"},
        "spec": {"selector": {"app": "wiki"}, "ports": [{"port": 80}]},
    }
    await operator.kubectl_apply(foreign)
    await operator.define()
    await operator.keeper._work(operator.key)
    assert (await operator.services())["wiki"]["spec"]["selector"] == {"app": "wiki"}
    assert (operator.port, await operator.slices()) == (None, {})
    with pytest.raises(Unsupported, match=r"spec\.service\.name: there is a Service 'wiki' already"):
        await operator.define(service={"name": "wiki"})


async def test_a_chosen_name_that_is_taken_leaves_the_callers_what_they_have(operator: Operator):
    operator.gateway("gateway-a", "10.1.0.1")
    await operator.define()
    await operator.led_to("10.1.0.1")
    port = operator.port
    taken = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "docs"}, "spec": {"ports": [{"port": 80}]}}
    await operator.kubectl_apply(taken)
    with pytest.raises(Unsupported, match=r"spec\.service\.name: there is a Service 'docs' already"):
        await operator.define(service={"name": "docs"})
    operator.gateway("gateway-b", "10.1.0.2")
    await operator.led_to("10.1.0.1", "10.1.0.2")
    assert operator.port == port
    await asyncio.to_thread(operator.kubectl, "delete", "service", "docs")
    await operator.made(operator.key)
    await operator.keeper._work(operator.key)
    await operator.led_to("10.1.0.1", "10.1.0.2", service="docs")
    assert (operator.port, {*await operator.services()}) == (port, {"docs", "wiki-wakedock"})


async def test_a_name_that_is_chosen_again_leads_to_the_gateways_again(operator: Operator):
    operator.gateway("gateway-a", "10.1.0.1")
    await operator.define()
    await operator.led_to("10.1.0.1")
    await operator.define(service={"name": "docs"})
    await operator.led_to("10.1.0.1", service="docs")
    await operator.keeper._work(operator.key)
    assert {*await operator.services()} == {"docs", "wiki-wakedock"}
    await operator.define()
    await operator.led_to("10.1.0.1")


async def test_two_with_one_port_on_record_get_two(operator: Operator):
    operator.gateway("gateway-a", "10.1.0.1")
    await operator.define()
    await operator.led_to("10.1.0.1")
    body = {
        "apiVersion": API_VERSION,
        "kind": "WakeService",
        "metadata": {"name": "copy", "namespace": operator.namespace},
        "spec": {"port": 8080, "app": {"image": "wiki:1"}},
    }
    await operator.kubectl_apply(body)
    copy = Key(operator.namespace, "copy")
    await operator.until(lambda: operator.shelf.entry(copy) is not None)
    path = resource_path(API_VERSION, PLURAL, namespace=operator.namespace, name="copy", part="status")
    await operator.api.request("PATCH", path, body={"status": {"servicePort": operator.port}}, content_type="application/merge-patch+json")
    await operator.made(copy)
    await operator.led_to("10.1.0.1", service="copy")
    assert operator.entry(copy).callers_port not in (None, operator.port)


async def test_the_next_operator_knows_which_ports_rest(operator: Operator):
    operator.gateway("gateway-a", "10.1.0.1")
    await operator.define()
    await operator.led_to("10.1.0.1")
    port = operator.port
    assert port is not None
    assert await operator.record.read() == {port: None}
    began = time.time()
    operator.kubectl("delete", "wakeservice/wiki", "--wait=true")
    await operator.recorded(lambda known: known[port] is not None)
    until = (await operator.record.read())[port]
    assert until is not None
    assert began + REST - 1 <= until <= time.time() + REST


async def test_a_port_of_a_service_that_ended_while_no_operator_ran_rests_from_now_on(operator: Operator):
    await operator.recorded(lambda known: known == {})
    await operator.record.given(20_017, 20_018)
    await operator.record.rests(20_019, time.time() - 1)
    successor = CallersKeeper(operator.api, operator.shelf, operator.gateways, namespace="wakedock", record=operator.record)
    running = asyncio.create_task(successor.run())
    try:
        await operator.recorded(lambda known: set(known) == {20_017, 20_018} and None not in known.values())
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_ports_that_are_given_at_the_same_time_are_one_write(operator: Operator):
    writes: list[object] = []
    patch = operator.api.patch

    async def counted(*arguments: Any, **named: Any) -> Any:
        writes.append(arguments)
        return await patch(*arguments, **named)

    record = PortRecord(operator.api, namespace=operator.namespace, name="many")
    await record.given(20_000)
    operator.api.patch = counted
    await asyncio.gather(*(record.given(port) for port in range(20_001, 20_101)))
    assert len(writes) == 2
    assert await record.read() == dict.fromkeys(range(20_000, 20_101))
    await record.forget(*range(20_001, 20_101))
    assert await record.read() == {20_000: None}


async def test_what_could_not_be_written_is_written_next_time(operator: Operator):
    record = PortRecord(operator.api, namespace="nobody-has-made-this", name="ports")
    with pytest.raises(ApiError):
        await record.given(20_000)
    record._namespace = operator.namespace
    await record.given(20_001)
    assert await record.read() == {20_000: None, 20_001: None}
