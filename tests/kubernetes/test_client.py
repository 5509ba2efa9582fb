"""The connection to the API server."""

import asyncio
import gc
import warnings
from pathlib import Path

import pytest

from wakedock_operator.adapters.kubernetes.client import connect

pytestmark = pytest.mark.kubernetes

LONGEST = 0.04
ROUNDS = 40


def test_a_request_that_is_left_at_any_moment_leaves_no_connection_behind(api: Path):
    async def leave(after: float) -> None:
        connected = await connect(kubeconfig=api)
        asking = asyncio.create_task(connected.get("/api/v1/namespaces"))
        await asyncio.sleep(after)
        asking.cancel()
        await asyncio.wait({asking})
        await connected.close()

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for number in range(ROUNDS):
            asyncio.run(leave(LONGEST * number / ROUNDS))
            gc.collect()
    assert [str(each.message) for each in told] == []
