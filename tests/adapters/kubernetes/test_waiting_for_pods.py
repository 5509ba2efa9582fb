"""How a wake waits for its pod, watched or not, in the time of the loop."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes.errors import NotFound
from wakedock_operator.adapters.kubernetes.workloads import pods_in_motion
from wakedock_operator.adapters.kubernetes.workloads.pods_in_motion import UNTOLD
from wakedock_operator.adapters.kubernetes.workloads.waking import FOLLOWED_FOR, POD_WAIT, KubernetesWaking
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import Key, WakeService

pytestmark = pytest.mark.looptime(start=1000, noop_cycles=0)

Object = dict[str, Any]
SHOP = Key("team", "shop")
SERVICE = WakeService.from_document(
    {"metadata": {"name": "shop", "namespace": "team"}, "spec": {"hosts": ["shop.example.org"], "targetRef": {"name": "shop"}}}
)


def owner(uid: str) -> Object:
    return {"ownerReferences": [{"uid": uid, "controller": True}]}


class Server:
    """A Deployment and its pod, which has no address and never gets one. Its watches tell nothing."""

    def __init__(self) -> None:
        self.replicas = 1
        self.watches = 0

    async def get(self, path: str) -> Object:
        if not path.endswith(("/deployments/shop", "/deployments/shop/scale")):
            raise NotFound(path)
        metadata = {"uid": "d", "name": "shop", "resourceVersion": "1", "generation": 1}
        spec = {"replicas": self.replicas, "selector": {"matchLabels": {"app": "shop"}}}
        return {"apiVersion": "apps/v1", "metadata": metadata, "spec": spec, "status": {"observedGeneration": 1}}

    async def read_all(self, path: str, **_: str) -> list[Object]:
        if path.endswith("/replicasets"):
            return [{"metadata": {"uid": "rs", **owner("d")}, "spec": {"replicas": self.replicas}, "status": {"observedGeneration": 1}}]
        return [{"metadata": {"name": "pod", "uid": "pod", **owner("rs")}, "spec": {}, "status": {}}] if self.replicas else []

    async def pages(self, path: str, **_: str) -> AsyncIterator[tuple[list[Object], str]]:
        yield await self.read_all(path), "1"

    async def watch(self, _: str, **__: Any) -> AsyncIterator[tuple[str, Object]]:
        self.watches += 1
        try:
            await asyncio.sleep(1e9)
            yield "BOOKMARK", {}
        finally:
            self.watches -= 1

    async def patch(self, _: str, body: Object, **__: Any) -> Object:
        self.replicas = body["spec"]["replicas"]
        return {}


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def waking(server: Server) -> AsyncIterator[KubernetesWaking]:
    made = KubernetesWaking(server, {SHOP: Entry(SERVICE, "uid", 1, 1, "test")}.get)  # type: ignore[arg-type] # all that it asks of it
    yield made
    made.close()
    await asyncio.sleep(0.1)
    assert server.watches == 0


async def waits(waking: KubernetesWaking) -> float:
    """Seconds that a probe of the pod takes; nobody could be asked, so that the next one may follow at once."""
    began = asyncio.get_running_loop().time()
    result = await waking.probe(SHOP, "pod")
    assert (result.ready, result.waited) == (False, True)
    return asyncio.get_running_loop().time() - began


async def test_a_probe_waits_for_the_pod_that_is_watched(waking: KubernetesWaking):
    await waking.observe(SHOP)
    assert await waits(waking) == pytest.approx(POD_WAIT)


async def test_and_a_moment_for_one_that_is_not(waking: KubernetesWaking, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pods_in_motion, "AT_ONCE", 0)
    await waking.observe(SHOP)
    assert await waits(waking) == pytest.approx(UNTOLD)


async def test_what_does_not_come_up_is_watched_for_a_while_and_again_after_the_next_start(server: Server, waking: KubernetesWaking):
    async def looks(seconds: float) -> None:
        for _ in range(int(seconds)):
            await waking.observe(SHOP)
            await asyncio.sleep(1)

    await looks(FOLLOWED_FOR - 1)
    assert server.watches == 1
    await looks(5)
    assert server.watches == 0
    server.replicas = 0
    await looks(2)
    await waking.start(SHOP)
    await looks(2)
    assert server.watches == 1
