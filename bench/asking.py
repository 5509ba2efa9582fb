"""Requests of the bench itself: to apps, one each on a connection of its own, and to the control API."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.e2e.installation import Installation

LOOK = 0.005
"""Seconds between two looks at a record."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Times in seconds since the request was begun, connecting included."""

    first_byte: float
    status: int
    body: bytes

    @property
    def document(self) -> Any:
        """The body of the bench's own app."""
        return json.loads(self.body)


async def get(port: int, host: str) -> Answer:
    """One GET. Raises OSError and EOFError."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench/1\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode())
        first = await reader.read(1)
        first_byte = time.monotonic() - began
        if not first:
            raise EOFError("closed without an answer")
        head = (first + await reader.readuntil(b"\r\n\r\n")).lower()
        body = await reader.readexactly(int(head.partition(b"content-length:")[2].split()[0]))
        return Answer(first_byte, int(head.split()[1]), body)
    finally:
        writer.close()


async def until_answered(port: int, pace: float) -> Answer:
    """Ask an app that starts, again after `pace` seconds each time that nobody listens yet."""
    while True:
        try:
            return await get(port, "localhost")
        except ConnectionError:
            await asyncio.sleep(pace)


@dataclass(frozen=True, slots=True)
class Control:
    """The control API of one installation."""

    installation: Installation
    session: aiohttp.ClientSession

    async def put_to_sleep(self, *names: str) -> None:
        """Force a sleep of each, and return when nothing of their processes is left."""
        await asyncio.gather(*(self._sleep(name) for name in names))

    async def until_serving(self, serving: str, *names: str) -> None:
        """Wait until the records say so."""
        for name in names:
            while (record := self.installation.status(name)) is None or record["serving"] != serving:
                await asyncio.sleep(LOOK)

    async def _sleep(self, name: str) -> None:
        async with self.session.post(f"/api/v1/services/default/{name}/sleep") as answer:
            assert answer.status == 202, await answer.text()
        await self.until_serving("Asleep", name)
        while self.installation.instance(name) is not None:
            await asyncio.sleep(LOOK)


@asynccontextmanager
async def control(installation: Installation) -> AsyncIterator[Control]:
    """Speak with a running installation."""
    connector = aiohttp.UnixConnector(str(installation.runtime / "control.sock"))
    async with aiohttp.ClientSession("http://localhost", connector=connector) as session:
        yield Control(installation, session)
