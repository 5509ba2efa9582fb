"""Who counts as a gateway, and who is gone for good."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from wakedock_operator.adapters.kubernetes.gateways import PodGateways

Object = dict[str, Any]


def pod(name: str, *, node: str = "node", phase: str = "Running") -> Object:
    return {"metadata": {"name": name, "uid": f"uid-of-{name}"}, "spec": {"nodeName": node}, "status": {"phase": phase}}


async def heard(gone: AsyncIterator[str]) -> str:
    async with asyncio.timeout(1):
        return await anext(gone)


async def test_those_that_are_gone_or_have_finished_are_told():
    gateways = PodGateways(api=None, namespace="wakedock", selector="")  # type: ignore[arg-type]
    for name in ("a", "b"):
        gateways.put(pod(name))
    gateways.put(pod("unbound", node=""))
    gone = gateways.gone()
    listening = asyncio.create_task(heard(gone))
    await asyncio.sleep(0)
    gateways.drop(pod("unbound", node=""))
    gateways.drop(pod("a"))
    assert await listening == "a"
    gateways.put(pod("b", phase="Failed"))
    assert await heard(gone) == "b"
    assert gateways.last() == frozenset()
