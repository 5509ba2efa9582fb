"""An app that behaves as it is told: `faulty.py BEHAVIOUR NAME LEDGER PORT`. Each start is noted in the
ledger, as the echo does, and each slow request.

fine       answers every request with `METHOD PATH LENGTH PID`; `/crash` ends the process without an answer, `/slow/N` answers after N s
late       as fine, but listens only after 0.7 s
hangs      accepts connections and never answers
elsewhere  listens on another port than it was told
ails       answers 500
exits      says something that is nobody's business, and ends with 3
"""

import json
import os
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

SECRET = "cannot log in with password hunter2"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/crash":
            os._exit(9)
        if self.path.startswith("/slow/"):
            note("slow")
            time.sleep(float(self.path.removeprefix("/slow/")))
        answer = f"{self.command} {self.path} {len(body)} {os.getpid()}".encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815 - the name is the parent's


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def note(event: str) -> None:
    os.write(book, json.dumps({"app": name, "event": event, "pid": os.getpid()}).encode() + b"\n")


def hang(port: int) -> None:
    """Keep every connection, and say nothing on it."""
    kept = []
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            kept.append(listener.accept())


if __name__ == "__main__":
    behaviour, name, ledger, port = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    book = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    note("start")
    if behaviour == "exits":
        print(SECRET, flush=True)
        sys.exit(3)
    if behaviour == "hangs":
        hang(port)
    if behaviour == "late":
        time.sleep(0.7)
    if behaviour == "ails":
        Handler.status = 500
    Server(("127.0.0.1", 0 if behaviour == "elsewhere" else port), Handler).serve_forever()
