"""Whatever happens to WakeDock's own processes, no request is lost or served twice."""

import asyncio
import http.client
from functools import partial

import pytest
from websockets.asyncio.client import connect

from hack.cluster.kubectl import Kubectl
from tests.cluster.asking import ask
from tests.cluster.installation import Installation, Object, Seen, app
from tests.cluster.load import Load
from tests.cluster.processes import kill, kill_pod
from tests.cluster.under_load import under_load
from tests.cluster.workloads import Ledger, evict_pod

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
OPERATOR = "--selector=app.kubernetes.io/component=operator"


async def test_a_rolling_restart_of_the_gateways(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    async def restart() -> None:
        wakedock.kubectl("rollout", "restart", "deployment/wakedock-gateway")
        await asyncio.to_thread(wakedock.rolled_out, "gateway")

    await under_load(wakedock, kubectl, ledger, restart)


async def test_gateways_rolled_under_clients_that_keep_their_connections(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    kubectl.apply(app(kubectl.namespace, "shop", env={"LEDGER": ledger.url}, idleTimeout="1h"))
    shop = Seen(kubectl, "shop")
    await asyncio.to_thread(shop.ready)
    assert (await asyncio.to_thread(ask, wakedock.address, shop.host))[0] == 200
    load = Load(wakedock.address, shop.host, seed=1, workers=16, pause=0.02, keeps=1.0)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run())
        for _ in range(2):
            wakedock.kubectl("rollout", "restart", "deployment/wakedock-gateway")
            await asyncio.to_thread(wakedock.rolled_out, "gateway")
        load.stop()
    served = ledger.served()
    assert load.lost == []
    assert [each for each in load.ids if len(served.get(each, ())) != 1] == []


async def test_the_operator_killed_again_and_again_right_after_each_step(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    shop = Seen(kubectl, "shop")
    steps = (
        lambda: shop.watch(lambda status: status.get("serving") == "Draining"),
        lambda: shop.watch(lambda status: "Drained" in said(status).values()),
        lambda: shop.watch(lambda status: status.get("serving") == "Asleep"),
        lambda: kubectl("wait", "--for=jsonpath={.spec.replicas}=0", "deployment/shop", "--timeout=60s"),
        lambda: shop.watch(lambda status: status.get("serving") == "Asleep" and "Busy" in said(status).values()),
        lambda: kubectl("wait", "--for=jsonpath={.spec.replicas}=1", "deployment/shop", "--timeout=60s"),
        lambda: shop.watch(lambda status: status.get("serving") == "Awake"),
    )

    async def end() -> None:
        for step in steps:
            (operator,) = wakedock.kubectl.get("pods", OPERATOR)["items"]
            await asyncio.to_thread(step)
            kill("operator", f"--name={operator['metadata']['name']}")
            # A new pod, as the back-off of a container that ends again and again would take minutes.
            wakedock.kubectl("delete", "pod", OPERATOR, "--force", "--grace-period=0")
            await asyncio.to_thread(wakedock.rolled_out, "operator")

    await under_load(wakedock, kubectl, ledger, end)


async def test_activators_killed_while_they_hold(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    shop = Seen(kubectl, "shop")

    def kill_while_it_holds(name: str) -> None:
        """At the first sight of that; where the app came up in that very moment, at the next."""
        epoch = -1
        while wakedock.held(name) == 0:
            waits = partial(holds_later_than, gateway=name, epoch=epoch)
            epoch = shop.watch(waits, timeout=90)["epoch"]
        kill("gateway", f"--name={name}")

    async def end() -> None:
        for name in wakedock.gateways():
            await asyncio.to_thread(kill_while_it_holds, name)
            await asyncio.to_thread(wakedock.kubectl, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=90s")

    await under_load(wakedock, kubectl, ledger, end, env={"START_DELAY": "2s"})


async def test_a_gateway_that_is_evicted(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    async def evict() -> None:
        name = next(iter(wakedock.gateways()))
        evict_pod(wakedock.kubectl, name)
        await asyncio.to_thread(wakedock.kubectl, "wait", "--for=delete", f"pod/{name}", "--timeout=120s")

    await under_load(wakedock, kubectl, ledger, evict)


async def test_gateways_rolled_while_no_operator_runs(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    """An awake app is served all the time, and the new gateways wake a sleeping one."""
    env = {"LEDGER": ledger.url}
    kubectl.apply(*(app(kubectl.namespace, name, env=env, idleTimeout="1h") for name in ("shop", "late")))
    shop, late = Seen(kubectl, "shop"), Seen(kubectl, "late")
    asleep = [(await asyncio.to_thread(seen.ready))["epoch"] for seen in (shop, late)]
    address = wakedock.address
    load = Load(address, shop.host, seed=2, pause=0.02)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run())
        await asyncio.to_thread(shop.until, "Awake", after=asleep[0])
        wakedock.kubectl("scale", "deployment/wakedock-operator", "--replicas=0")
        try:
            await asyncio.to_thread(wakedock.kubectl, "wait", "--for=delete", "pod", OPERATOR, "--timeout=60s")
            wakedock.kubectl("rollout", "restart", "deployment/wakedock-gateway")
            await asyncio.to_thread(wakedock.rolled_out, "gateway")
            assert (await asyncio.to_thread(ask, address, late.host))[0] == 200
        finally:
            wakedock.kubectl("scale", "deployment/wakedock-operator", "--replicas=1")
        assert (await asyncio.to_thread(late.until, "Awake", after=asleep[1]))["wokenBy"] == "Request"
        load.stop()
    served = ledger.served()
    assert load.lost == []
    assert [each for each in load.ids if len(served.get(each, ())) != 1] == []


async def test_a_gateway_killed_while_it_holds_takes_only_what_it_held(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    """Its clients get a broken connection, nothing is served twice, and the app wakes for who comes next."""
    kubectl.apply(app(kubectl.namespace, "slow", env={"LEDGER": ledger.url, "START_DELAY": "5s"}))
    slow = Seen(kubectl, "slow")
    asleep = await asyncio.to_thread(slow.ready)
    gateways = wakedock.gateways()
    held = {
        name: asyncio.create_task(asyncio.to_thread(ask, at, slow.host, data=b"", headers={"X-Request-Id": name}))
        for name, at in gateways.items()
    }
    await asyncio.to_thread(slow.watch, lambda status: holding(status) == set(held))
    victim, survivor = sorted(gateways)
    kill_pod("gateway", f"--name={victim}")
    with pytest.raises((OSError, http.client.HTTPException)):
        await held[victim]
    assert (await held[survivor])[0] == 200
    awake = await asyncio.to_thread(slow.until, "Awake", after=asleep["epoch"])
    served = ledger.served()
    assert (len(served[survivor]), len(served.get(victim, ()))) in {(1, 0), (1, 1)}
    await asyncio.to_thread(wakedock.kubectl, "wait", "--for=condition=Ready", f"pod/{victim}", "--timeout=90s")
    await asyncio.to_thread(slow.until, "Asleep", after=awake["epoch"])


@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM"])
async def test_a_gateway_ended_while_it_drains(wakedock: Installation, kubectl: Kubectl, ledger: Ledger, end: str):
    """The sleep waits for it; a request that the other one holds meanwhile is served once, by the next instance."""
    kubectl.apply(app(kubectl.namespace, "chat", env={"LEDGER": ledger.url}, idleTimeout="1h"))
    chat = Seen(kubectl, "chat")
    asleep = await asyncio.to_thread(chat.ready)
    gateways = wakedock.gateways()
    victim, survivor = sorted(gateways)
    async with connect(f"ws://{chat.host}/socket", host=gateways[victim], port=80, proxy=None) as websocket:
        awake = await asyncio.to_thread(chat.until, "Awake", after=asleep["epoch"])
        kubectl("annotate", "wakeservice/chat", "wakedock.dev/sleep=1")
        draining = await asyncio.to_thread(chat.watch, lambda status: said(status) == {survivor: "Drained"})
        assert (draining["serving"], draining["epoch"]) == ("Draining", awake["epoch"] + 1)
        held = asyncio.create_task(
            asyncio.to_thread(ask, gateways[survivor], chat.host, data=b"", headers={"X-Request-Id": "held"}),
        )
        if end == "SIGKILL":
            kill_pod("gateway", f"--name={victim}")
            await websocket.wait_closed()
        else:
            wakedock.kubectl("delete", "pod", victim, "--wait=false")
            await websocket.send("still there")
            assert await websocket.recv() == "still there"
            assert chat.status()["serving"] == "Draining"
    await asyncio.to_thread(chat.until, "Awake", after=draining["epoch"])
    assert (await held)[0] == 200
    assert len(ledger.served()["held"]) == 1
    await asyncio.to_thread(wakedock.rolled_out, "gateway")


def said(status: Object) -> dict[str, str]:
    """What the gateways say about the present epoch."""
    return {each["name"]: each["kind"] for each in status.get("gateways", ()) if each["epoch"] == status["epoch"]}


def holding(status: Object) -> set[str]:
    """The gateways that say of the present epoch that they hold requests."""
    return {each["name"] for each in status.get("gateways", ()) if each["epoch"] == status["epoch"] and each.get("holding")}


def holds_later_than(status: Object, *, gateway: str, epoch: int) -> bool:
    """Whether it does, in a later epoch than that one."""
    return status.get("epoch", -1) > epoch and gateway in holding(status)


async def test_pods_of_the_app_evicted_again_and_again(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    async def evict() -> None:
        for _ in range(4):
            for pod in kubectl.get("pods", "--selector=wakedock.dev/service=shop", "--field-selector=status.phase=Running")["items"]:
                evict_pod(kubectl, pod["metadata"]["name"])
            await asyncio.sleep(2)

    await under_load(wakedock, kubectl, ledger, evict, env={"ON_SIGTERM": "drain"})
