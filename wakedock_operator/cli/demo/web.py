"""The demo's web app: a greeting with the number of visits that the store has counted."""

import os
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web(BaseHTTPRequestHandler):
    """GET / asks the store; POST / says how many bytes came."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        """Greet."""
        path = "/visit" if self.path == "/" else "/"
        with urllib.request.urlopen(os.environ["STORE"] + path, timeout=10) as answer:  # noqa: S310 - an address from WakeDock
            self._answer(f"Hello, you are visit number {answer.read().decode()}.\n")

    def do_POST(self) -> None:
        """Count what was uploaded."""
        self._answer(f"{len(self.rfile.read(int(self.headers['Content-Length'])))} bytes\n")

    def _answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in the library
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """With room for a crowd that arrives at once."""

    request_queue_size = 256


if __name__ == "__main__":
    Server(("127.0.0.1", int(os.environ["PORT"])), Web).serve_forever()
