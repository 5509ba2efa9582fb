"""The gRPC health check, by hand: many gRPC servers reset a plain GET, and no other question is safe to put to every one of them.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
import importlib
from datetime import timedelta

from wakedock_operator.adapters.probing.answer import NoAnswer, Target
from wakedock_operator.ports.workloads import ProbeResult

HEALTH_CHECK = "/grpc.health.v1.Health/Check"
EMPTY_MESSAGE = bytes(5)
SERVING = b"\x08\x01"
UNAVAILABLE = "14"


async def ask(target: Target, timeout: timedelta) -> ProbeResult:  # noqa: ASYNC109 - a part of the definition
    """Ready when it says that it serves, and when it answers in gRPC but has no health check. Raises NoAnswer."""
    httpx = await asyncio.to_thread(importlib.import_module, "httpx")
    headers = {"Host": target.host, "Content-Type": "application/grpc", "TE": "trailers"}
    try:
        async with (
            asyncio.timeout(timeout.total_seconds()),
            httpx.AsyncClient(http1=False, http2=True, verify=False, trust_env=False, timeout=None) as client,
        ):
            answer = await client.post(f"http://{target.address}{HEALTH_CHECK}", headers=headers, content=EMPTY_MESSAGE)
    except TimeoutError:
        raise NoAnswer("no answer to the gRPC health check in time") from None
    except (httpx.HTTPError, OSError) as error:
        raise NoAnswer(f"no gRPC answer: {error or type(error).__name__}") from None
    if answer.status_code != 200 or not answer.headers.get("Content-Type", "").startswith("application/grpc"):
        return ProbeResult(ready=False, detail=f"HTTP {answer.status_code} to the gRPC health check", unhealthy=True)
    if answer.content:
        serves = answer.content[5:] == SERVING
        return ProbeResult(ready=serves, detail=f"gRPC health check: {'serving' if serves else 'not serving'}", unhealthy=not serves)
    status = answer.headers.get("grpc-status", "")
    unavailable = status == UNAVAILABLE
    return ProbeResult(ready=not unavailable, detail=f"gRPC status {status}", unhealthy=unavailable)
