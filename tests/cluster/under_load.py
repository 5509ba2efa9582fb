"""A disturbance under load, and the count of what became of every request."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from hack.cluster.kubectl import Kubectl
from tests.cluster.api import api
from tests.cluster.installation import Installation, Object, Seen, app, wakeservices
from tests.cluster.load import Load
from tests.cluster.workloads import Ledger

AWAY = ("refused", "timeout", "unable to handle the request", "Timeout", "etcdserver", "EOF", "connection reset")
"""What is said of an API server that is away, or not quite back."""

MOST_SLEEPS = 10

Disturb = Callable[[], Coroutine[Any, Any, None]]


async def under_load(
    wakedock: Installation,
    kubectl: Kubectl,
    ledger: Ledger,
    disturb: Disturb,
    *,
    sleeps: int = 3,
    by_service: bool = False,
    env: dict[str, str] | None = None,
) -> None:
    """Put an app to sleep by force again and again under steady load while `disturb` does its work; then nothing may be missing.

    A sleep gives way to requests that have waited for too long, as after an outage: it goes on until one has ended a pod.
    The load asks the gateways for the app's host, or (`by_service`) the Service of the app's name in its own namespace.
    """
    kubectl.apply(app(kubectl.namespace, "shop", env={"LEDGER": ledger.url, **(env or {})}, idleTimeout="1h", wake={"timeout": "90s"}))
    shop = Seen(kubectl, "shop")
    await asyncio.to_thread(shop.ready)
    # Routed for good before anything is disturbed: what changes a route makes Caddy close connections.
    by_name = await asyncio.to_thread(callers_address, kubectl, "shop")
    address, asked = (by_name, f"shop.{kubectl.namespace}") if by_service else (wakedock.address, shop.host)
    load = Load(address, asked, seed=1, pause=0.02)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run())
        disturbing: asyncio.Task[None] = tasks.create_task(disturb())
        number, epoch = 0, 0
        while number < sleeps or not disturbing.done() or (number < MOST_SLEEPS and not await asyncio.to_thread(ended_a_pod, ledger)):
            awake = await asyncio.to_thread(shop.until, "Awake", after=epoch - 1, timeout=90)
            number += 1
            await asyncio.to_thread(put_to_sleep, kubectl, "shop", number)
            epoch = (await asyncio.to_thread(slept, shop, awake["epoch"], number))["epoch"]
        await asyncio.to_thread(shop.until, "Awake", after=epoch - 1, timeout=90)
        load.stop()
    served = ledger.served()
    assert load.lost == []
    assert [each for each in load.ids if len(served.get(each, ())) != 1] == []
    assert ended_a_pod(ledger), f"none of {number} sleeps has ended a pod"


def ended_a_pod(ledger: Ledger) -> bool:
    """Whether more than one pod has served requests."""
    return len({by for names in ledger.served().values() for by in names}) > 1


def slept(shop: Seen, epoch: int, number: int) -> Object:
    """Wait until the sleep is over that was asked for in `epoch`; who looks away for a moment may find the app awake again already."""
    return shop.watch(
        lambda status: (
            status.get("epoch", 0) > epoch
            and status["serving"] in {"Asleep", "Awake"}
            and status.get("handled", {}).get("sleep") == str(number)
        ),
        timeout=90,
    )


def put_to_sleep(kubectl: Kubectl, name: str, number: int) -> None:
    """Ask for a sleep, as soon as there is an API server to ask."""
    asked = json.dumps({"metadata": {"annotations": {"wakedock.dev/sleep": str(number)}}})
    path, headers = f"{wakeservices(kubectl.namespace)}/{name}", {"Content-Type": "application/merge-patch+json"}
    while True:
        try:
            api(kubectl.kubeconfig).patch(path, content=asked, headers=headers)
        except httpx.HTTPError as error:
            if not any(word in str(error) for word in AWAY):
                raise
            time.sleep(0.5)
        else:
            return


def callers_address(kubectl: Kubectl, name: str) -> str:
    """The ClusterIP of the Service for callers, once it leads somewhere."""
    kubectl("wait", "--for=create", f"service/{name}", "--timeout=30s")
    kubectl("wait", "--for=create", f"endpointslice/{name}-wakedock-ipv4", "--timeout=30s")
    Ledger(kubectl).reach(name)
    found: str = kubectl.get("service", name)["spec"]["clusterIP"]
    return found
