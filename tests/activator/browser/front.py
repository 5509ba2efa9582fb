"""Stands where Caddy stands between a browser and the activator: the same questions, over TCP, and an app behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from aiohttp import ClientSession, UnixConnector, web

APP_PAGE = "<!doctype html><title>The app</title><h1 id=app>Hello from the app</h1>"


class Front:
    """Asks the activator for each request while `awake` is false; `asked` are the paths of those requests, `asked_at` when they came."""

    def __init__(self, activator: ClientSession) -> None:
        self._activator = activator
        self.awake = False
        self.asked: list[str] = []
        self.asked_at: list[float] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/.wakedock/"):
            return await self._pass(request, str(request.rel_url), dict(request.headers) | {"X-Wakedock-Service": "default.web"})
        if self.awake:
            return web.Response(text=APP_PAGE, content_type="text/html")
        self.asked.append(request.path_qs)
        self.asked_at.append(asyncio.get_running_loop().time())
        kept = {
            name: request.headers.get(name, "") for name in ("Accept", "Accept-Language", "User-Agent", "Sec-Fetch-Mode", "Sec-Fetch-Dest")
        }
        own = {
            "X-Wakedock-Service": "default.web",
            "X-Wakedock-Request": str(uuid4()),
            "X-Wakedock-Age-Ms": "1.5",
            "X-Wakedock-Client": request.remote or "",
            "X-Wakedock-Method": request.method,
            "X-Wakedock-Host": request.host,
            "X-Wakedock-Path": request.raw_path,
        }
        return await self._pass(request, f"/hold/{uuid4()}", kept | own)

    async def _pass(self, request: web.Request, path: str, headers: dict[str, str]) -> web.StreamResponse:
        async with self._activator.get(f"http://activator{path}", headers=headers) as answer:
            response = web.StreamResponse(status=answer.status, headers=answer.headers)
            for hop in ("Transfer-Encoding", "Connection", "Content-Length"):
                response.headers.popall(hop, None)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            return response


@asynccontextmanager
async def front(activator_socket: Path) -> AsyncIterator[Front]:
    """A front on a free port of the loopback address."""
    async with ClientSession(connector=UnixConnector(str(activator_socket), limit=0), auto_decompress=False) as activator:
        made = Front(activator)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", made.handle)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        made.url = f"http://{host}:{port}"
        try:
            yield made
        finally:
            await runner.cleanup()
