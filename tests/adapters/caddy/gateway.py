"""Stand-ins around a real Caddy: an activator that answers as told, and an app that tells what it got."""

import asyncio
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from wakedock_operator.adapters.caddy.edge import CaddyEdge
from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.core.routing import Route
from wakedock_operator.resource import Key

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def short_directory() -> Path:
    """Unix socket paths have at most 107 bytes."""
    shm = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="wd", dir=shm if shm.is_dir() else None))


def route(name: str, *hosts: str, paths: tuple[str, ...] = ("/",), **rest) -> Route:
    return Route(Key("default", name), tuple((host, path) for host in hosts for path in paths), **rest)


async def _grant(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=204)


class Activator:
    """Answers on the activator's socket as its `answer` says, and keeps what it was asked."""

    def __init__(self, path: Path) -> None:
        self.asked: list[web.BaseRequest] = []
        self.answer: Answer = _grant
        self._path = path
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        server = web.Server(self._handle, max_line_size=65536, max_field_size=65536, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._path)).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def kill(self) -> None:
        """End as a killed process does: every connection is gone, nothing is answered."""
        assert self._runner is not None
        assert self._runner.server is not None
        for connection in self._runner.server.connections:
            connection.force_close()
        self._path.unlink()
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        return await self.answer(request)


class App:
    """Answers with what it was sent: its name, method, path, headers and the length of the body."""

    def __init__(self, name: str = "app") -> None:
        self.name = name
        self.port = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self._runner: web.ServerRunner | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade") == "websocket":
            return await self._echo(request)
        self.entered.set()
        body = await request.read()
        await self.gate.wait()
        return web.json_response(
            {
                "app": self.name,
                "method": request.method,
                "path": request.raw_path,
                "body": len(body),
                "headers": dict(request.headers),
            }
        )

    async def _echo(self, request: web.BaseRequest) -> web.WebSocketResponse:
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        async for message in connection:
            await connection.send_str(message.data)
        return connection


@asynccontextmanager
async def running_app(name: str = "app") -> AsyncIterator[App]:
    app = App(name)
    await app.start()
    try:
        yield app
    finally:
        app.gate.set()
        await app.stop()


class Gateway:
    """A Caddy, its activator, and the address where clients find it."""

    def __init__(self, options: CaddyOptions, port: int) -> None:
        self.options = options
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.edge = CaddyEdge(options)
        self.activator = Activator(options.activator_socket)

    async def routed(self, *routes: Route, longest_wake: float = 60) -> dict[Key, str]:
        return dict((await self.edge.apply(routes, longest_wake=longest_wake)).rejected)
