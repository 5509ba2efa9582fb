"""Whatever happens to WakeDock's own processes, no request is lost or served twice."""

import asyncio

import pytest

from hack.cluster.kubectl import Kubectl
from tests.cluster.installation import Installation
from tests.cluster.processes import kill
from tests.cluster.under_load import under_load
from tests.cluster.workloads import Ledger

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


async def test_a_rolling_restart_of_the_gateways(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    async def restart() -> None:
        wakedock.kubectl("rollout", "restart", "deployment/wakedock-gateway")
        await asyncio.to_thread(wakedock.kubectl, "rollout", "status", "deployment/wakedock-gateway", "--timeout=180s")

    await under_load(wakedock, kubectl, ledger, restart)


async def test_the_operator_killed_again_and_again(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    async def end() -> None:
        for _ in range(2):
            wakedock.kubectl("delete", "pod", "--selector=app.kubernetes.io/component=operator", "--force", "--grace-period=0")
            await asyncio.to_thread(wakedock.kubectl, "rollout", "status", "deployment/wakedock-operator", "--timeout=90s")

    await under_load(wakedock, kubectl, ledger, end)


async def test_activators_killed_while_they_hold(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    async def end() -> None:
        for name in wakedock.gateways():
            kill("gateway", f"--name={name}")
            await asyncio.to_thread(wakedock.kubectl, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=90s")

    await under_load(wakedock, kubectl, ledger, end)


async def test_a_gateway_that_is_evicted(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    async def evict() -> None:
        name = wakedock.gateways()[0]
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": wakedock.kubectl.namespace}}
        path = f"/api/v1/namespaces/{wakedock.kubectl.namespace}/pods/{name}/eviction"
        wakedock.kubectl.post(path, eviction)
        await asyncio.to_thread(wakedock.kubectl, "wait", "--for=delete", f"pod/{name}", "--timeout=120s")

    await under_load(wakedock, kubectl, ledger, evict)
