"""A disturbance under load, and the count of what became of every request."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hack.cluster.kubectl import Kubectl
from tests.cluster.installation import Installation, Seen, app
from tests.cluster.load import Load
from tests.cluster.workloads import Ledger

Disturb = Callable[[], Coroutine[Any, Any, None]]


async def under_load(
    wakedock: Installation, kubectl: Kubectl, ledger: Ledger, disturb: Disturb, *, sleeps: int = 3, by_service: bool = False
) -> None:
    """Put an app to sleep by force again and again under steady load while `disturb` does its work; then nothing may be missing.

    The load asks the gateways for the app's host, or (`by_service`) the Service of the app's name in its own namespace.
    """
    kubectl.apply(app(kubectl.namespace, "shop", env={"LEDGER": ledger.url}, idleTimeout="1h", wake={"timeout": "90s"}))
    shop = Seen(kubectl, "shop")
    await asyncio.to_thread(shop.until, "Asleep")
    address, asked = (wakedock.address, shop.host) if not by_service else (callers_address(kubectl, "shop"), f"shop.{kubectl.namespace}")
    load = Load(address, asked, seed=1, pause=0.02)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run())
        disturbing: asyncio.Task[None] = tasks.create_task(disturb())
        number, epoch = 0, -1
        while number < sleeps or not disturbing.done():
            awake = await asyncio.to_thread(shop.until, "Awake", after=epoch, timeout=90)
            number += 1
            kubectl("annotate", "--overwrite", "wakeservice/shop", f"wakedock.dev/sleep={number}")
            epoch = (await asyncio.to_thread(shop.until, "Asleep", after=awake["epoch"], timeout=90))["epoch"]
        await asyncio.to_thread(shop.until, "Awake", after=epoch, timeout=90)
        load.stop()
    served = ledger.served()
    assert load.lost == []
    assert [each for each in load.ids if len(served.get(each, ())) != 1] == []


def callers_address(kubectl: Kubectl, name: str) -> str:
    """The ClusterIP of the Service for callers, once it leads somewhere."""
    kubectl("wait", "--for=create", f"service/{name}", "--timeout=30s")
    kubectl("wait", "--for=create", f"endpointslice/{name}-wakedock-ipv4", "--timeout=30s")
    Ledger(kubectl).reach(name)
    found: str = kubectl.get("service", name)["spec"]["clusterIP"]
    return found
