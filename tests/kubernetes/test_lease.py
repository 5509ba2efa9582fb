"""One operator at a time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hack.cluster.kubectl import Kubectl
from wakedock_operator.adapters.kubernetes.client import Api, connect
from wakedock_operator.adapters.kubernetes.lease import holding

pytestmark = pytest.mark.kubernetes
LEASE = "wakedock-operator"


@pytest.fixture
async def connected(api: Path) -> AsyncIterator[Api]:
    made = await connect(kubeconfig=api)
    yield made
    await made.close()


def holder(kubectl: Kubectl) -> str:
    return kubectl("get", f"lease/{LEASE}", "--output=jsonpath={.spec.holderIdentity}")


async def test_a_lease_that_is_given_back_is_taken_at_once(connected: Api, namespace: str, kubectl: Kubectl):
    async with holding(connected, namespace=namespace, name=LEASE, identity="first"):
        assert holder(kubectl) == "first"
    assert holder(kubectl) == ""
    async with asyncio.timeout(5), holding(connected, namespace=namespace, name=LEASE, identity="second") as lost:
        assert holder(kubectl) == "second"
        assert not lost.is_set()


async def test_a_second_one_waits_while_the_first_holds(connected: Api, namespace: str, kubectl: Kubectl):
    async def second() -> None:
        async with holding(connected, namespace=namespace, name=LEASE, identity="second"):
            entered.set()

    entered = asyncio.Event()
    async with holding(connected, namespace=namespace, name=LEASE, identity="first"):
        waiting = asyncio.create_task(second())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(4):
                await entered.wait()
        assert holder(kubectl) == "first"
    await asyncio.wait_for(entered.wait(), 10)
    await waiting


async def test_a_lease_of_somebody_else_is_not_given_away(connected: Api, namespace: str, kubectl: Kubectl):
    async with holding(connected, namespace=namespace, name=LEASE, identity="first"):
        kubectl("patch", f"lease/{LEASE}", "--type=merge", '--patch={"spec":{"holderIdentity":"thief"}}')
    assert holder(kubectl) == "thief"
