"""The activator's HTTP side as it runs: on a unix socket, with everything Caddy says about a held request."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientResponse, ClientSession, UnixConnector
from aiohttp.web import AppRunner
from yarl import URL

from tests.activator.fake_gatekeeper import FakeGatekeeper, FixedClock, wake_service
from wakedock_operator.activator.server import build_app, serve
from wakedock_operator.resource import WakeService

REQUEST_ID = "0b9dbbd5-6c73-4b2c-9a6b-6a0d1d1c9b11"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
HOLD = {
    "X-Wakedock-Service": "default.web",
    "X-Wakedock-Request": REQUEST_ID,
    "X-Wakedock-Age-Ms": "2500.5",
    "X-Wakedock-Client": "203.0.113.9",
    "X-Wakedock-Method": "GET",
    "X-Wakedock-Host": "web.example.org",
    "X-Wakedock-Path": "/a%20b",
    "Accept": "",
    "Accept-Language": "",
    "User-Agent": "curl/8",
    "Sec-Fetch-Mode": "",
    "Sec-Fetch-Dest": "",
}


def runtime_directory() -> Path:
    """A directory with a path short enough for a socket."""
    return Path(tempfile.mkdtemp(prefix="wd", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


@dataclass(frozen=True)
class Activator:
    """A served activator. `ask` answers with the response whose body has been read."""

    gatekeeper: FakeGatekeeper
    session: ClientSession
    socket: Path
    runner: AppRunner

    async def hold(self, **headers: str) -> ClientResponse:
        """Ask as Caddy asks; `x_wakedock_method="POST"` replaces a header."""
        changed = {name.replace("_", "-").title(): value for name, value in headers.items()}
        return await self.get(f"/hold/{REQUEST_ID}", {**HOLD, **changed})

    async def get(self, path: str, headers: dict[str, str] | None = None, *, method: str = "GET") -> ClientResponse:
        url = URL(f"http://activator{path}", encoded=True)
        response = await self.session.request(method, url, headers={"X-Wakedock-Service": "default.web", **(headers or {})})
        await response.read()
        return response


@asynccontextmanager
async def activator(*services: WakeService) -> AsyncIterator[Activator]:
    """Serve the given services, by default one named `web`."""
    gatekeeper = FakeGatekeeper(*(services or (wake_service(),)))
    directory = runtime_directory()
    socket = directory / "activator.sock"
    runner = await serve(build_app(gatekeeper, FixedClock()), socket)
    try:
        async with ClientSession(connector=UnixConnector(str(socket), limit=0)) as session:
            yield Activator(gatekeeper, session, socket, runner)
    finally:
        await runner.cleanup()
        shutil.rmtree(directory)
