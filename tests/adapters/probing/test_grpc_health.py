"""gRPC servers that want no GET."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import grpc
import pytest

from wakedock_operator.adapters.probing.answer import Target
from wakedock_operator.adapters.probing.readiness import ask_ready, ask_veto
from wakedock_operator.resource import HttpReadiness, HttpVeto, Protocol

pytestmark = pytest.mark.grpc


@asynccontextmanager
async def grpc_server(answer: bytes | grpc.StatusCode | None) -> AsyncIterator[Target]:
    """A server whose health check answers so; None: it has none."""

    async def check(message: bytes, context: grpc.aio.ServicerContext) -> bytes:
        assert message == b""
        if isinstance(answer, grpc.StatusCode):
            await context.abort(answer, "")
        assert isinstance(answer, bytes)
        return answer

    server = grpc.aio.server()
    if answer is not None:
        methods = {"Check": grpc.unary_unary_rpc_method_handler(check)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield Target(address=f"127.0.0.1:{port}", host="hello.localhost", protocol=Protocol.H2C)
    finally:
        await server.stop(None)


@pytest.mark.parametrize(
    "answer, ready",
    [
        pytest.param(None, True, id="without a health check: it answers"),
        pytest.param(b"\x08\x01", True, id="it serves"),
        pytest.param(b"\x08\x02", False, id="it does not serve"),
        pytest.param(b"", False, id="it does not know"),
        pytest.param(grpc.StatusCode.UNAVAILABLE, False, id="it is unavailable"),
        pytest.param(grpc.StatusCode.UNAUTHENTICATED, True, id="it asks for credentials: it answers"),
    ],
)
async def test_a_grpc_server_is_ready_when(answer, ready):
    async with grpc_server(answer) as target:
        result = await ask_ready(HttpReadiness(timeout=timedelta(seconds=30)), target)
        assert (result.ready, result.unhealthy) == (ready, not ready), result.detail


async def test_a_veto_is_no_health_check():
    async with grpc_server(None) as target:
        assert (await ask_veto(HttpVeto(path="/busy", timeout=timedelta(seconds=5)), target)).vetoed
