"""One HTTP/3 connection of a client."""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, QuicEvent

from tests.e2e.connection import Answer


class Http3Connection(QuicConnectionProtocol):
    """Made with `http3_connection`."""

    def __init__(self, quic: QuicConnection, stream_handler: Any = None) -> None:
        super().__init__(quic, stream_handler)
        self.http = H3Connection(self._quic)
        self.ended: str | None = None
        self.heads: dict[int, list[tuple[str, str]]] = {}
        self.bodies: defaultdict[int, bytearray] = defaultdict(bytearray)
        self.done: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated):
            self.ended = event.reason_phrase or f"error {event.error_code}"
            for done in self.done.values():
                done.set()
        for each in self.http.handle_event(event):
            match each:
                case HeadersReceived():
                    self.heads[each.stream_id] = [(name.decode(), value.decode()) for name, value in each.headers]
                case DataReceived():
                    self.bodies[each.stream_id] += each.data
                case _:
                    continue
            if each.stream_ended:
                self.done[each.stream_id].set()

    async def ask(self, method: str, path: str, *, host: str, body: bytes | None = None) -> Answer:
        """Send a request and wait for its answer."""
        stream = self._quic.get_next_available_stream_id()
        head = {":method": method, ":scheme": "https", ":authority": host, ":path": path}
        if body is not None:
            head["content-length"] = str(len(body))
        self.http.send_headers(stream, [(name.encode(), value.encode()) for name, value in head.items()], end_stream=body is None)
        if body is not None:
            self.http.send_data(stream, body, end_stream=True)
        self.transmit()
        await self.done[stream].wait()
        if self.ended is not None:
            raise ConnectionError(self.ended)
        headers = self.heads[stream]
        return Answer(int(dict(headers)[":status"]), headers, bytes(self.bodies[stream]))


@asynccontextmanager
async def http3_connection(port: int, host: str) -> AsyncIterator[Http3Connection]:
    """A new connection whose TLS handshake names `host`; certificates are not checked."""
    configuration = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=True, server_name=host, verify_mode=ssl.CERT_NONE)
    async with connect("127.0.0.1", port, configuration=configuration, create_protocol=Http3Connection) as protocol:
        yield cast("Http3Connection", protocol)
