"""A wake goes on within a second of the return of an API server, in the time of the loop."""

import asyncio
from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes.errors import NotFound, Unavailable
from wakedock_operator.adapters.kubernetes.workloads.waking import KubernetesWaking
from wakedock_operator.core.observation import Observation
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import Key, WakeService

pytestmark = pytest.mark.looptime(start=1000, noop_cycles=0)

SHOP = Key("team", "shop")
SPEC = {"hosts": ["shop.example.org"], "targetRef": {"name": "shop"}}
SERVICE = WakeService.from_document({"metadata": {"name": "shop", "namespace": "team"}, "spec": SPEC})


class Server:
    """Has one Deployment at zero, and is away until `back`."""

    def __init__(self, back: float) -> None:
        self.back = back
        self.replicas = 0

    def answer(self) -> None:
        if asyncio.get_running_loop().time() < self.back:
            raise Unavailable("away")

    async def get(self, path: str) -> dict[str, Any]:
        self.answer()
        if path.endswith("/scale"):
            return {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": self.replicas}}
        if not path.endswith("/deployments/shop"):
            raise NotFound(path)
        metadata = {"uid": "d", "name": "shop", "resourceVersion": "1", "generation": 1}
        spec = {"replicas": self.replicas, "selector": {"matchLabels": {"app": "shop"}}}
        return {"apiVersion": "apps/v1", "metadata": metadata, "spec": spec}

    async def read_all(self, path: str, **_: str) -> list[dict[str, Any]]:
        self.answer()
        return []

    async def patch(self, path: str, body: Any, **_: Any) -> dict[str, Any]:
        self.answer()
        assert path.endswith("/deployments/shop/scale")
        self.replicas = 1
        return {}


class Gateway:
    """Looks when it hears of the workload, and starts it where it stands: as far as a gateway does."""

    def __init__(self, back: float) -> None:
        self.server = Server(back)
        entry = Entry(SERVICE, "uid", 1, 1, "test")
        self.waking = KubernetesWaking(self.server, {SHOP: entry}.get)  # type: ignore[arg-type] # all that it asks of it

    async def wake(self) -> Observation:
        """Returns what is seen once more than nothing is asked for."""
        heard = self.waking.watch()
        hearing = asyncio.ensure_future(anext(heard))
        await asyncio.sleep(0)
        while True:
            try:
                seen = await self.waking.observe(SHOP)
                if seen.desired > 0:
                    return seen
                await self.waking.start(SHOP)
            except Unavailable:
                pass
            await hearing
            hearing = asyncio.ensure_future(anext(heard))


@pytest.mark.parametrize("away", [0.1, 0.49, 1.0, 3.3, 61.7, 3600.0])
async def test_a_wake_goes_on_within_a_second_of_the_return(away: float):
    loop = asyncio.get_running_loop()
    back = loop.time() + away
    gateway = Gateway(back)
    async with asyncio.timeout(away + 10):
        await gateway.wake()
    assert back <= loop.time() <= back + 1
    gateway.waking.close()


@pytest.mark.parametrize("call", ["observe", "start", "fence"])
async def test_whatever_was_not_answered_the_workload_is_announced_again(call: str):
    gateway = Gateway(back=2000)
    heard = asyncio.ensure_future(anext(gateway.waking.watch()))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await getattr(gateway.waking, call)(SHOP)
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(10):
        assert await heard == SHOP
    assert asyncio.get_running_loop().time() - began < 1
    gateway.waking.close()
