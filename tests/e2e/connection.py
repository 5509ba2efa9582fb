"""One HTTP/1.1 connection of a client, kept open between its requests. Nothing is ever sent twice."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import h11

Headers = Sequence[tuple[str, str]]
LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    early: tuple[int, ...] = ()
    """The informational statuses that came before it."""

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The value of a header, several of one name joined by commas; None where there is none."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None

    @property
    def compared(self) -> list[tuple[str, str]]:
        """The headers that two equal answers share."""
        return sorted((name, value) for name, value in self.headers if name != "date")


class Connection:
    """A connection to the gateway. Made with `connected`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST)

    async def ask(
        self, method: str, target: str, *, host: str, headers: Headers = (), body: bytes | Sequence[bytes] | None = None
    ) -> Answer:
        """Send a request and wait for its answer. Bytes are sent with their length, several parts chunked, None without either."""
        await self.begin(method, target, host=host, headers=[*headers, *_framing(body)])
        for part in [body] if isinstance(body, bytes) else body or ():
            await self._send(h11.Data(data=part))
        return await self.end()

    async def begin(self, method: str, target: str, *, host: str, headers: Headers = ()) -> None:
        """Send the head of a request."""
        await self._send(h11.Request(method=method, target=target, headers=[("Host", host), *headers]))

    async def end(self) -> Answer:
        """The request is complete; wait for the whole answer."""
        await self.finish()
        early: list[int] = []
        while isinstance(head := await self.event(), h11.InformationalResponse):
            early.append(head.status_code)
        assert isinstance(head, h11.Response), head
        body = bytearray()
        while isinstance(part := await self.event(), h11.Data):
            body += part.data
        assert isinstance(part, h11.EndOfMessage), part
        if self.protocol.our_state is h11.DONE and self.protocol.their_state is h11.DONE:
            self.protocol.start_next_cycle()
        return Answer(head.status_code, [(k.decode(), v.decode()) for k, v in head.headers], bytes(body), tuple(early))

    async def event(self) -> Any:
        """The next thing that the gateway sends."""
        while (event := self.protocol.next_event()) is h11.NEED_DATA:
            self.protocol.receive_data(await self.reader.read(65536))
        return event

    async def finish(self) -> None:
        """The request is complete."""
        await self._send(h11.EndOfMessage())

    async def send(self, data: bytes) -> None:
        """Send a part of the body."""
        await self._send(h11.Data(data=data))

    async def _send(self, event: Any) -> None:
        data = self.protocol.send(event)
        if data:
            self.writer.write(data)
            await self.writer.drain()


def _framing(body: bytes | Sequence[bytes] | None) -> Headers:
    if body is None:
        return []
    return [("Content-Length", str(len(body)))] if isinstance(body, bytes) else [("Transfer-Encoding", "chunked")]


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """A new connection, closed at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LONGEST)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


async def ask(port: int, host: str, target: str = "/", method: str = "GET", *, headers: Headers = (), body: bytes | None = None) -> Answer:
    """One request on a connection of its own."""
    async with connected(port) as connection:
        return await connection.ask(method, target, host=host, headers=headers, body=body)
