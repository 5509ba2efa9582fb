"""The control API as an application, and where it listens."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from wakedock_operator.api import services, steering, streams, system
from wakedock_operator.api.endpoints import PORTS, Endpoint
from wakedock_operator.api.gate import Gate
from wakedock_operator.api.openapi import document
from wakedock_operator.api.ports import Ports
from wakedock_operator.api.problems import answer_with_problems
from wakedock_operator.api.streams import STREAMS, end_streams

ENDPOINTS: tuple[Endpoint, ...] = (*system.ENDPOINTS, *services.ENDPOINTS, *steering.ENDPOINTS, *streams.ENDPOINTS)
OPENAPI_PATH = "/api/v1/openapi.json"


def build_api(ports: Ports, *, gate: Gate | None = None) -> web.Application:
    """The application of one listener; `gate` for one that listens on an address."""
    middlewares = [answer_with_problems] if gate is None else [answer_with_problems, gate.middleware()]
    app = web.Application(middlewares=middlewares, client_max_size=64 * 1024)
    app[PORTS] = ports
    app[STREAMS] = set()
    app.on_shutdown.append(end_streams)
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.method, endpoint.path, endpoint.handler)
        if endpoint.method == "GET" and not isinstance(endpoint.answer, str):
            # Monitors ask so. Streams have no end that could be left out.
            app.router.add_route("HEAD", endpoint.path, endpoint.handler)

    async def openapi(_: web.Request) -> web.StreamResponse:
        return web.json_response(document(ENDPOINTS))

    app.router.add_route("GET", OPENAPI_PATH, openapi)
    return app


@asynccontextmanager
async def serve_socket(ports: Ports, path: Path) -> AsyncIterator[None]:
    """Serve on a unix socket that only its owner can use. One that a dead process left behind is replaced. Raises OSError."""
    runner = _runner(build_api(ports))
    await runner.setup()
    try:
        # The directory is private already; the mode says so where somebody looks at the socket alone.
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        await web.UnixSite(runner, new).start()
        new.chmod(0o600)
        os.replace(new, path)  # noqa: PTH105 - one rename: a client finds a listening socket or none
        yield
    finally:
        await runner.cleanup()
        path.unlink(missing_ok=True)


@asynccontextmanager
async def serve_address(ports: Ports, gate: Gate, port: int) -> AsyncIterator[None]:
    """Serve on a TCP address. Raises OSError when it is taken."""
    runner = _runner(build_api(ports, gate=gate))
    await runner.setup()
    try:
        await web.TCPSite(runner, gate.host or None, port).start()
        yield
    finally:
        await runner.cleanup()


def _runner(app: web.Application) -> web.AppRunner:
    return web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=5.0)
