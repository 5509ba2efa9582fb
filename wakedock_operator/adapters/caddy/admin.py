"""Caddy's admin API, over its unix socket."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from wakedock_operator.adapters.caddy.errors import CaddyRefused
from wakedock_operator.ports.edge import EdgeUnavailable

ANSWER = 5.0
"""Seconds within which Caddy answers a question; one that does not is frozen."""
LOAD = 300.0
"""Seconds that loading a configuration may take: tens of thousands of services need some."""


class Admin:
    """Questions to one Caddy. Every method raises EdgeUnavailable when there is no answer."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._session: aiohttp.ClientSession | None = None

    async def upstreams(self) -> tuple[list[dict[str, Any]], float]:
        """The in-flight list as Caddy tells it, and how many seconds the answer took."""
        started = time.monotonic()
        content = await self._ask("GET", "/reverse_proxy/upstreams", within=ANSWER)
        took = time.monotonic() - started
        return json.loads(content) or [], took

    async def read(self, path: str) -> Any:
        """A part of the running configuration; None where there is none."""
        try:
            return json.loads(await self._ask("GET", path, within=ANSWER))
        except CaddyRefused:
            return None

    async def load(self, configuration: bytes) -> None:
        """Bring a configuration in force. Raises CaddyRefused with Caddy's own words; then the last one stays."""
        await self._ask("POST", "/load", within=LOAD, body=configuration)

    async def close(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, method: str, path: str, *, within: float, body: bytes | None = None) -> bytes:
        try:
            async with self._answer(method, path, within=within, body=body) as response:
                content = await response.read()
        except (OSError, TimeoutError, aiohttp.ClientError) as error:
            raise EdgeUnavailable(f"Caddy does not answer on {self._socket}: {error or type(error).__name__}") from error
        if response.status >= 400:
            raise CaddyRefused(_message(content))
        return content

    @asynccontextmanager
    async def _answer(self, method: str, path: str, *, within: float, body: bytes | None) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            self._session = aiohttp.ClientSession("http://caddy", connector=aiohttp.UnixConnector(str(self._socket)))
        async with self._session.request(
            method,
            path,
            data=None if body is None else _chunks(body),
            headers={"Content-Type": "application/json"} if body is not None else None,
            timeout=aiohttp.ClientTimeout(total=within),
        ) as response:
            yield response


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    size = 65536
    for start in range(0, len(body), size):
        yield body[start : start + size]


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace").strip()
