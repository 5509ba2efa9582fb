"""What a kubelet and Prometheus ask of a process: whether it has started, lives and is ready, and what it counted. No control from here."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from wakedock_operator.adapters.metrics import CONTENT_TYPE, Metrics
from wakedock_operator.api.ports import Health


@asynccontextmanager
async def serve_probes(
    *,
    host: str,
    port: int,
    metrics: Metrics,
    health: Callable[[], Awaitable[Health]],
    started: Callable[[], bool],
    routes: Callable[[], Mapping[str, object]] | None = None,
) -> AsyncIterator[None]:
    """`/health/started`, `/health/live`, `/health/ready` (200, or 503 with reasons, a line each) and `/metrics`.

    With `routes` also `/routes`, what is in force at a gateway, as JSON. Raises OSError.
    """

    async def begun(_: web.Request) -> web.Response:
        return _said([] if started() else ["starting"])

    async def live(_: web.Request) -> web.Response:
        found = await health()
        return _said([] if found.live else list(found.reasons) or ["not live"])

    async def ready(_: web.Request) -> web.Response:
        found = await health()
        return _said([] if found.live and found.ready else list(found.reasons) or ["not ready"])

    async def counted(_: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    async def in_force(_: web.Request) -> web.Response:
        return web.json_response({} if routes is None else routes(), headers={"Cache-Control": "no-store"})

    app = web.Application()
    app.router.add_get("/health/started", begun)
    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_get("/metrics", counted)
    if routes is not None:
        app.router.add_get("/routes", in_force)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host or None, port).start()
        yield
    finally:
        await runner.cleanup()


def _said(reasons: list[str]) -> web.Response:
    return web.Response(status=503 if reasons else 200, text="\n".join(reasons or ["ok"]) + "\n", headers={"Cache-Control": "no-store"})
