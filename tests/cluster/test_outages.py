"""The cluster itself fails: nothing is lost, and what was begun goes on."""

import asyncio

import pytest

from hack.cluster.kubectl import Kubectl
from tests.cluster.asking import ask
from tests.cluster.daemons import Daemons
from tests.cluster.installation import Installation, Seen, app, reason
from tests.cluster.processes import freeze, thaw
from tests.cluster.under_load import under_load
from tests.cluster.workloads import Ledger

pytestmark = [pytest.mark.cluster, pytest.mark.daemons, pytest.mark.timeout(400)]

OUTAGE = 20.0
HOLDER = "jsonpath={.spec.holderIdentity}"


async def test_the_api_server_away_during_a_wake(wakedock: Installation, kubectl: Kubectl, daemons: Daemons):
    kubectl.apply(app(kubectl.namespace, "shop", wake={"timeout": "90s"}))
    shop = Seen(kubectl, "shop")
    await asyncio.to_thread(kubectl, "wait", "--for=condition=Ready", "wakeservice/shop", "--timeout=30s")
    address = wakedock.address
    daemons.kill("kube-apiserver")
    asking = asyncio.create_task(asyncio.to_thread(ask, address, shop.host, data=b"order"))
    await asyncio.sleep(OUTAGE)
    assert not asking.done()
    await asyncio.to_thread(daemons.bring_back_api_server)
    assert (await asking)[0] == 200


async def test_the_api_server_away_at_each_step_of_a_sleep(wakedock: Installation, kubectl: Kubectl, ledger: Ledger, daemons: Daemons):
    shop = Seen(kubectl, "shop")

    async def go_away() -> None:
        draining = await asyncio.to_thread(shop.until, "Draining")
        daemons.freeze("kube-apiserver")
        await asyncio.sleep(OUTAGE / 2)
        daemons.thaw("kube-apiserver")
        await asyncio.to_thread(shop.until, "Asleep", after=draining["epoch"])
        daemons.kill("kube-apiserver")
        await asyncio.sleep(OUTAGE / 2)
        await asyncio.to_thread(daemons.bring_back_api_server)

    await under_load(wakedock, kubectl, ledger, go_away)


async def test_an_api_server_that_is_slow(wakedock: Installation, kubectl: Kubectl, ledger: Ledger, daemons: Daemons):
    """It stands still for most of the time; what is asked of it is answered late."""

    async def slow_down() -> None:
        for _ in range(15):
            daemons.freeze("kube-apiserver")
            await asyncio.sleep(0.7)
            daemons.thaw("kube-apiserver")
            await asyncio.sleep(0.3)

    await under_load(wakedock, kubectl, ledger, slow_down)


async def test_gateways_cut_off_from_the_api_server_but_not_from_clients(
    wakedock: Installation, kubectl: Kubectl, ledger: Ledger, daemons: Daemons
):
    """One after the other, long enough for a sleep to be asked for and held up meanwhile, and for requests to be held."""

    async def cut_off() -> None:
        for address in wakedock.gateways().values():
            for length in (2, 12):
                with daemons.cut_off(address):
                    await asyncio.sleep(length)
                await asyncio.sleep(1)

    await under_load(wakedock, kubectl, ledger, cut_off)


async def test_a_gateway_cut_off_while_it_holds_serves_when_it_is_back(wakedock: Installation, kubectl: Kubectl, daemons: Daemons):
    kubectl.apply(app(kubectl.namespace, "shop", wake={"timeout": "90s"}))
    shop = Seen(kubectl, "shop")
    asleep = await asyncio.to_thread(shop.ready)
    address = next(iter(wakedock.gateways().values()))
    with daemons.cut_off(address):
        held = asyncio.create_task(asyncio.to_thread(ask, address, shop.host, data=b"order"))
        await asyncio.sleep(OUTAGE / 2)
        assert not held.done()
        assert shop.status()["epoch"] == asleep["epoch"]
    assert (await held)[0] == 200


async def test_kubelet_restarted(wakedock: Installation, kubectl: Kubectl, ledger: Ledger, daemons: Daemons):
    async def restart() -> None:
        daemons.kill("kubelet")
        await asyncio.sleep(5)
        daemons.start("kubelet")

    await under_load(wakedock, kubectl, ledger, restart)


async def test_an_operator_frozen_past_its_lease_between_deciding_a_stop_and_sending_it(
    wakedock: Installation, kubectl: Kubectl, ledger: Ledger
):
    def freeze_before_the_stop() -> int:
        """Right after `Asleep` was written; where the stop was quicker, at the next sleep."""
        shop = Seen(kubectl, "shop")
        while True:
            awake = shop.until("Awake", timeout=90)
            shop.until("Asleep", after=awake["epoch"], timeout=90)
            frozen = freeze("operator", "--lease=wakedock-operator")
            if kubectl.get("deployment", "shop")["spec"]["replicas"] == 1:
                return frozen
            thaw(frozen)

    async def freeze_and_thaw() -> None:
        operator = wakedock.kubectl("get", "lease/wakedock-operator", f"--output={HOLDER}")
        frozen = await asyncio.to_thread(freeze_before_the_stop)
        wakedock.kubectl("scale", "deployment/wakedock-operator", "--replicas=2")
        try:
            other = operator
            while other in ("", operator):
                await asyncio.sleep(0.5)
                other = wakedock.kubectl("get", "lease/wakedock-operator", f"--output={HOLDER}")
        finally:
            thaw(frozen)
            wakedock.kubectl("scale", "deployment/wakedock-operator", "--replicas=1")

    await under_load(wakedock, kubectl, ledger, freeze_and_thaw, sleeps=5)


def test_a_gateway_on_a_lost_node_blocks_sleep_until_somebody_deletes_it(wakedock: Installation, kubectl: Kubectl):
    """Nobody can know whether it still sends requests to the app."""
    admin = wakedock.kubectl
    admin.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "lost"}})
    labels = {"app.kubernetes.io/name": "wakedock", "app.kubernetes.io/instance": "wakedock", "app.kubernetes.io/component": "gateway"}
    spec = {
        "nodeName": "lost",
        "containers": [{"name": "caddy", "image": "caddy:e2e"}],
        "tolerations": [{"operator": "Exists"}],
        "automountServiceAccountToken": False,
    }
    admin.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lost-gateway", "labels": labels}, "spec": spec})
    try:
        kubectl.apply(app(kubectl.namespace, "shop", idleTimeout="1s"))
        shop = Seen(kubectl, "shop")
        asleep = shop.ready()
        assert ask(wakedock.address, shop.host)[0] == 200
        awake = shop.until("Awake", after=asleep["epoch"])
        kubectl("annotate", "wakeservice/shop", "wakedock.dev/sleep=1")
        blocked = shop.watch(lambda status: reason(status, "SleepBlocked") == "GatewayUnreachable")
        assert blocked["serving"] == "Draining"
        assert "lost-gateway" in next(each["message"] for each in blocked["conditions"] if each["type"] == "SleepBlocked")
    finally:
        admin("delete", "pod/lost-gateway", "--force", "--grace-period=0")
        admin("delete", "node/lost")
    shop.until("Asleep", after=awake["epoch"])
