"""An app that speaks HTTP/2 without TLS and nothing else.

usage: h2c_app.py NAME

Answers with a JSON document about the request; below `/mirror` it sends each piece of the body back as it comes.
"""

import asyncio
import hashlib
import json
import os
import sys
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events


@dataclass
class Asked:
    headers: list[list[str]]
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    length: int = 0

    def __getitem__(self, name: str) -> str:
        return dict(self.headers)[name]


class Protocol(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.asked: dict[int, Asked] = {}
        self.http.initiate_connection()
        self.flush()

    def data_received(self, data: bytes) -> None:
        for event in self.http.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                asked = self.asked[event.stream_id] = Asked([[str(name), str(value)] for name, value in event.headers or ()])
                if asked[":path"].startswith("/mirror"):
                    self.http.send_headers(event.stream_id, [(":status", "200"), ("server", "h2c/1")])
            elif isinstance(event, h2.events.DataReceived):
                self.take(event)
            elif isinstance(event, h2.events.StreamEnded):
                self.answer(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.asked.pop(event.stream_id, None)
        self.flush()

    def take(self, event: h2.events.DataReceived) -> None:
        asked = self.asked[event.stream_id]
        asked.digest.update(event.data)
        asked.length += len(event.data)
        self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if asked[":path"].startswith("/mirror"):
            self.http.send_data(event.stream_id, event.data)

    def answer(self, stream: int) -> None:
        asked = self.asked.pop(stream)
        if asked[":path"].startswith("/mirror"):
            self.http.end_stream(stream)
            return
        document = {
            "app": sys.argv[1],
            "pid": os.getpid(),
            "headers": asked.headers,
            "length": asked.length,
            "sha256": asked.digest.hexdigest(),
        }
        content = b"" if asked[":method"] == "HEAD" else json.dumps(document).encode()
        self.http.send_headers(stream, [(":status", "200"), ("server", "h2c/1"), ("content-length", str(len(content)))])
        self.http.send_data(stream, content, end_stream=True)

    def flush(self) -> None:
        self.transport.write(self.http.data_to_send())


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", int(os.environ["PORT"]), backlog=128)
    await server.serve_forever()


asyncio.run(main())
