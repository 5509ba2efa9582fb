"""An app that writes down each request before it answers: what it was asked can be counted afterwards, whatever became of the answer.

`ledger.py PORT FILE`: HTTP/1.1 with kept connections, a thread for each, standard library only. Each request to `/ID` appends one line
`METHOD ID PID` with O_APPEND and is answered with `ID LENGTH`, LENGTH being how many bytes of body came. It ends at once on SIGTERM: no
drain of its own hides a request that WakeDock sent too late.

Two ids ask for more than one answer: `/ID/events` is answered with server-sent events, and `/ID/socket` is an upgraded connection whose
lines are sent back until the client closes it.
"""

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

EVENTS = 5
BETWEEN_EVENTS = 0.05


class Ledger(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    book: ClassVar[int]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        number, _, kind = self.path.removeprefix("/").partition("/")
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if number:  # the readiness probe asks for "/"
            os.write(self.book, f"{self.command} {number} {os.getpid()}\n".encode())
        if kind == "events":
            self._send_events(number)
            return
        if kind == "socket":
            self._send_back()
            return
        answer = f"{number} {len(body)}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _send_events(self, number: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in range(EVENTS):
            self.wfile.write(f"data: {number} {event}\n\n".encode())
            time.sleep(BETWEEN_EVENTS)

    def _send_back(self) -> None:
        self.close_connection = True
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.end_headers()
        for line in self.rfile:
            self.wfile.write(line)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the parent's
        """Say nothing: the ledger is the log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Ledger.book = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    Server(("127.0.0.1", int(sys.argv[1])), Ledger).serve_forever()
