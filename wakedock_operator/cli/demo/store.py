"""The demo's store: counts what it is told, in memory. Takes half a second to start, as a small database would."""

import itertools
import os
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class Store(BaseHTTPRequestHandler):
    """GET / answers with the number of visits so far."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    visits: ClassVar[Iterator[int]] = itertools.count(1)

    def do_GET(self) -> None:
        """Answer, and count unless it is a probe."""
        text = f"{next(self.visits)}" if self.path == "/visit" else "ready"
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in the library
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """With room for a crowd that arrives at once."""

    request_queue_size = 256


if __name__ == "__main__":
    time.sleep(0.5)
    Server(("127.0.0.1", int(os.environ["PORT"])), Store).serve_forever()
