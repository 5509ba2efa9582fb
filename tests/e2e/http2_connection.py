"""One HTTP/2 connection of a client, without TLS, whose streams go both ways at once."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h2.config
import h2.connection
import h2.events


class Http2Connection(asyncio.Protocol):
    """Made with `http2_connection`. Streams are named by their number."""

    def __init__(self) -> None:
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.heads: defaultdict[int, asyncio.Queue[dict[str, str]]] = defaultdict(asyncio.Queue)
        self.parts: defaultdict[int, asyncio.Queue[bytes]] = defaultdict(asyncio.Queue)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.http.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        for event in self.http.receive_data(data):
            match event:
                case h2.events.ResponseReceived():
                    self.heads[event.stream_id].put_nowait({str(name): str(value) for name, value in event.headers or ()})
                case h2.events.DataReceived() if event.data:
                    self.parts[event.stream_id].put_nowait(event.data)
                    self.http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
                case h2.events.StreamEnded() | h2.events.StreamReset():
                    self.parts[event.stream_id].put_nowait(b"")
        self._flush()

    def open(self, method: str, path: str, host: str, *, end: bool = False) -> int:
        """Begin a request; returns its stream."""
        stream = self.http.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"), (":authority", host), (":path", path)]
        self.http.send_headers(stream, head, end_stream=end)
        self._flush()
        return stream

    def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Send a small part of the body."""
        self.http.send_data(stream, data, end_stream=end)
        self._flush()

    async def head(self, stream: int) -> dict[str, str]:
        """The headers of the answer."""
        return await self.heads[stream].get()

    async def data(self, stream: int) -> bytes:
        """The next part of the answer's body; empty at its end."""
        return await self.parts[stream].get()

    def _flush(self) -> None:
        self.transport.write(self.http.data_to_send())


@asynccontextmanager
async def http2_connection(host: str, port: int) -> AsyncIterator[Http2Connection]:
    """A new connection, closed at the end."""
    transport, protocol = await asyncio.get_running_loop().create_connection(Http2Connection, host, port)
    try:
        yield protocol
    finally:
        transport.close()
