"""Installing, upgrading and taking away, with apps that go on."""

import asyncio
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect

from hack.cluster.kubectl import Kubectl
from tests.cluster.asking import ask
from tests.cluster.installation import RELEASE, Installation, Seen, app, helm, wakeservice
from tests.cluster.under_load import under_load
from tests.cluster.workloads import Ledger, workload

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


async def test_an_upgrade_of_the_chart_under_load(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    """A WebSocket that stays open goes on when its gateway is about to leave, and ends with it after `gateway.drainTimeout`."""
    drain = 5
    kubectl.apply(app(kubectl.namespace, "chat", idleTimeout="1h"))
    chat = Seen(kubectl, "chat")
    await asyncio.to_thread(chat.ready)

    async def upgrade() -> None:
        await asyncio.to_thread(wakedock.install, "log.level=debug", f"gateway.drainTimeout={drain}")
        name, address = next(iter(wakedock.gateways().items()))
        async with connect(f"ws://{chat.host}/socket", host=address, port=80, proxy=None) as websocket:
            upgrading = asyncio.create_task(asyncio.to_thread(wakedock.install))
            while name in await asyncio.to_thread(wakedock.gateways):
                await asyncio.sleep(0.2)
            await asyncio.sleep(drain / 2)
            await websocket.send("still there")
            assert await websocket.recv() == "still there"
            await websocket.wait_closed()
            await upgrading

    await under_load(wakedock, kubectl, ledger, upgrade)


def test_the_charts_own_test_wakes_a_sample(wakedock: Installation):
    helm(wakedock.kubeconfig, "test", RELEASE, "--timeout=120s")


@pytest.fixture
def sleeping(wakedock: Installation, kubectl: Kubectl) -> Iterator[Kubectl]:
    """A target of two replicas that sleeps; afterwards WakeDock is installed as it was."""
    kubectl.apply(workload("shop", replicas=2))
    kubectl("rollout", "status", "deployment/shop", "--timeout=60s")
    kubectl.apply(wakeservice(kubectl.namespace, "shop", idleTimeout="1s", targetRef={"name": "shop"}))
    Seen(kubectl, "shop").until("Asleep")
    kubectl("wait", "--for=jsonpath={.spec.replicas}=0", "deployment/shop", "--timeout=30s")
    yield kubectl
    wakedock.install()


def whole(kubectl: Kubectl) -> None:
    """The target has its replicas again, and nothing hangs."""
    kubectl("wait", "--for=jsonpath={.spec.replicas}=2", "deployment/shop", "--timeout=60s")
    kubectl("delete", "namespace", kubectl.namespace, "--timeout=60s")


def test_uninstalled_with_wakeservices_still_there(wakedock: Installation, sleeping: Kubectl):
    wakedock.uninstall()
    whole(sleeping)


def test_wakeservices_deleted_first(wakedock: Installation, sleeping: Kubectl):
    sleeping("delete", "wakeservice/shop", "--timeout=30s")
    sleeping("wait", "--for=jsonpath={.spec.replicas}=2", "deployment/shop", "--timeout=60s")
    wakedock.uninstall()
    whole(sleeping)


def test_uninstalled_with_a_dead_operator(wakedock: Installation, sleeping: Kubectl):
    wakedock.kubectl("scale", "deployment/wakedock-operator", "--replicas=0")
    wakedock.kubectl("wait", "--for=delete", "pod", "--selector=app.kubernetes.io/component=operator", "--timeout=60s")
    wakedock.uninstall()
    whole(sleeping)


def test_deleted_while_the_operator_was_away(wakedock: Installation, sleeping: Kubectl):
    wakedock.kubectl("scale", "deployment/wakedock-operator", "--replicas=0")
    wakedock.kubectl("wait", "--for=delete", "pod", "--selector=app.kubernetes.io/component=operator", "--timeout=60s")
    sleeping("delete", "wakeservice/shop", "--timeout=30s")
    wakedock.kubectl("scale", "deployment/wakedock-operator", "--replicas=1")
    whole(sleeping)


def test_installed_anew_over_apps_that_sleep(wakedock: Installation, sleeping: Kubectl, ledger: Ledger):
    """Without the hook nothing is put back; who comes next takes everything over as it is."""
    helm(wakedock.kubeconfig, "uninstall", RELEASE, "--no-hooks", "--wait", "--timeout=120s")
    assert sleeping.get("deployment", "shop")["spec"]["replicas"] == 0
    wakedock.install()
    shop = Seen(sleeping, "shop")
    shop.ready()
    ledger.reach(wakedock.address)
    assert ask(wakedock.address, shop.host)[0] == 200
    assert sleeping.get("deployment", "shop")["spec"]["replicas"] == 2
