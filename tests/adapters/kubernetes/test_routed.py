"""Whether the gateways route by a definition, as they say themselves."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.e2e.installation import free_port
from wakedock_operator.adapters.kubernetes import routed
from wakedock_operator.adapters.kubernetes.gateways import PodGateways
from wakedock_operator.adapters.kubernetes.routed import GatewayRoutes
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import API_VERSION, Key

KEY = Key("team-a", "wiki")


class Gateways:
    """Two gateways on two addresses of loopback, which say what the test wants them to say."""

    def __init__(self) -> None:
        self.port = free_port()
        self.says: dict[str, dict[str, Any]] = {
            "127.0.0.1": {"versions": {KEY.namespace: 0}},
            "127.0.0.2": {"versions": {KEY.namespace: 0}},
        }
        self.asked = 0
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        self._runner = web.ServerRunner(web.Server(self._answer))
        await self._runner.setup()
        for address in self.says:
            await web.TCPSite(self._runner, address, self.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked += 1
        assert request.transport is not None
        return web.json_response(self.says[request.transport.get_extra_info("sockname")[0]])


class Operator:
    """What an operator knows of WakeServices and of gateways."""

    def __init__(self, gateways: Gateways) -> None:
        self.shelf = Shelf(lambda _: None)
        self.pods = PodGateways(api=None, namespace="wakedock", selector="")  # type: ignore[arg-type]
        self.routes = GatewayRoutes(self.shelf, self.pods, port=gateways.port)
        for address in gateways.says:
            self.pod(address)

    def pod(self, address: str, *, ready: bool = True) -> None:
        status = {"podIPs": [{"ip": address}], "conditions": [{"type": "Ready", "status": str(ready)}]}
        self.pods.put({"metadata": {"name": f"at-{address}", "uid": address}, "spec": {"nodeName": "node"}, "status": status})

    def define(self, version: int, *, generation: int = 1, hosts: tuple[str, ...] = ("wiki.test",), routed: str = "") -> Entry:
        metadata = {"name": KEY.name, "namespace": KEY.namespace, "uid": "uid", "resourceVersion": str(version), "generation": generation}
        raw: dict[str, Any] = {"apiVersion": API_VERSION, "kind": "WakeService", "metadata": metadata}
        raw["spec"] = {"hosts": list(hosts), "port": 80, "app": {"image": "wiki:1"}}
        if routed:
            condition = {"type": "Routed", "status": routed, "reason": "Routed", "lastTransitionTime": "2026-01-01T00:00:00Z"}
            raw["status"] = {"serving": "Asleep", "epoch": 0, "since": "2026-01-01T00:00:00Z", "conditions": [condition]}
        self.shelf.put(raw)
        entry = self.shelf.entry(KEY)
        assert entry is not None
        return entry

    async def until(self, entry: Entry, reason: str | None) -> None:
        async with asyncio.timeout(10):
            async for _ in self.routes.changes():
                if self.routes.pending(entry) == reason:
                    return


@pytest.fixture
async def gateways() -> AsyncIterator[Gateways]:
    made = Gateways()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def operator(gateways: Gateways) -> AsyncIterator[Operator]:
    made = Operator(gateways)
    running = asyncio.create_task(made.routes.run())
    yield made
    running.cancel()
    await asyncio.wait({running})


async def test_a_definition_is_in_force_when_every_gateway_has_it(operator: Operator, gateways: Gateways):
    entry = operator.define(7)
    assert operator.routes.pending(entry) is not None
    gateways.says["127.0.0.1"] = {"versions": {KEY.namespace: 8}}
    await operator.until(entry, "at-127.0.0.2: not taken over yet")
    gateways.says["127.0.0.2"] = {"versions": {KEY.namespace: 7}}
    await operator.until(entry, None)
    asked = gateways.asked
    await asyncio.sleep(3 * routed.PAUSE)
    assert gateways.asked <= asked + len(gateways.says)


async def test_what_a_gateway_has_of_another_namespace_says_nothing(operator: Operator, gateways: Gateways):
    gateways.says["127.0.0.1"] = {"versions": {"team-b": 8, KEY.namespace: 6}}
    gateways.says["127.0.0.2"] = {"versions": {"team-b": 8}}
    entry = operator.define(7)
    operator.routes.pending(entry)
    await operator.until(entry, "at-127.0.0.1, at-127.0.0.2: not taken over yet")


async def test_a_changed_definition_is_asked_about_anew(operator: Operator, gateways: Gateways):
    gateways.says = {address: {"versions": {KEY.namespace: 7}} for address in gateways.says}
    first = operator.define(7)
    operator.routes.pending(first)
    await operator.until(first, None)
    second = operator.define(9, generation=2, hosts=("wiki.test", "docs.test"))
    assert operator.routes.pending(second) is not None
    gateways.says = {address: {"versions": {KEY.namespace: 9}} for address in gateways.says}
    await operator.until(second, None)


async def test_what_caddy_refuses_is_told_with_its_reason(operator: Operator, gateways: Gateways):
    gateways.says = {address: {"versions": {KEY.namespace: 9}, "rejected": {str(KEY): "a bad path"}} for address in gateways.says}
    entry = operator.define(7)
    assert operator.routes.refused(entry) is None
    operator.routes.pending(entry)
    await operator.until(entry, None)
    assert operator.routes.refused(entry) == "Caddy of at-127.0.0.1 refuses it: a bad path"
    mended = operator.define(11, generation=2, hosts=("docs.test",))
    assert operator.routes.refused(mended) is None
    operator.routes.pending(mended)
    await operator.until(mended, "at-127.0.0.1, at-127.0.0.2: not taken over yet")
    assert operator.routes.refused(mended) is None, "what they refuse is the definition before"
    gateways.says = {address: {"versions": {KEY.namespace: 11}} for address in gateways.says}
    await operator.until(mended, None)
    assert operator.routes.refused(mended) is None


async def test_without_a_ready_gateway_nothing_is_routed(operator: Operator, gateways: Gateways):
    for address in gateways.says:
        operator.pod(address, ready=False)
    entry = operator.define(7)
    operator.routes.pending(entry)
    await operator.until(entry, "no gateway is ready")


async def test_a_gateway_that_cannot_be_asked_is_not_waited_for_for_ever(
    operator: Operator, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(routed, "PATIENCE", 0.5)
    operator.pod("127.0.0.3")
    gateways.says = {address: {"versions": {KEY.namespace: 9}} for address in gateways.says}
    entry = operator.define(7)
    operator.routes.pending(entry)
    await operator.until(entry, "at-127.0.0.3: not taken over yet")
    await operator.until(entry, None)


async def test_a_gateway_of_another_version_of_wakedock_is_not_waited_for_for_ever(
    operator: Operator, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(routed, "PATIENCE", 0.5)
    gateways.says = {"127.0.0.1": {"versions": {KEY.namespace: 9}}, "127.0.0.2": {"version": 9}}
    entry = operator.define(7)
    operator.routes.pending(entry)
    await operator.until(entry, "at-127.0.0.2: not taken over yet")
    await operator.until(entry, None)


async def test_an_operator_that_starts_believes_what_stands_in_the_status(operator: Operator, gateways: Gateways):
    assert operator.routes.pending(operator.define(7, routed="True")) is None
    assert gateways.asked == 0


async def test_a_service_to_which_nothing_is_routed_waits_for_nobody(operator: Operator):
    assert operator.routes.pending(operator.define(7, hosts=())) is None
