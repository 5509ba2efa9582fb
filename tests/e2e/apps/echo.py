"""An app that tells what it was asked. Standard library only, so that it starts fast.

usage: echo.py NAME LEDGER

Answers with a JSON document about the request. Some paths do more:
    /environment        the process: environment, arguments, folder, user
    /events             server-sent events: one at once, the next ones whenever `/release` is asked for, three in all
    /wait               answers when `/release` was asked for
    /veto               409 while the file named by VETO is there
    /status/NNN         answers with this status
    /early              sends 103 before 200
With GATE in the environment it begins to listen when it can read a byte from there.
With BROKEN in the environment `/` is answered with 500, with STUBBORN it ignores the request to end.
LEDGER gets one line of JSON for each start, request and end, with the monotonic time, by O_APPEND before the answer.
"""

import hashlib
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Ledger:
    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def note(self, event: str, **more: object) -> None:
        line = {"app": self.name, "pid": os.getpid(), "at": time.monotonic(), "event": event, **more}
        os.write(self.file, json.dumps(line).encode() + b"\n")


class Gate:
    """Lets go of whoever waits, each time it is opened."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.opened = 0

    def open(self) -> None:
        with self.condition:
            self.opened += 1
            self.condition.notify_all()

    def wait(self, times: int) -> None:
        with self.condition:
            self.condition.wait_for(lambda: self.opened >= times)


class Parallel:
    """Counts what is worked on at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.now -= 1


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Echo"

    def version_string(self) -> str:
        return "echo/1"

    def log_message(self, *arguments: object) -> None:
        """The ledger says it all."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def body(self) -> tuple[int, str]:
        digest, length = hashlib.sha256(), 0
        for part in self.parts():
            digest.update(part)
            length += len(part)
        return length, digest.hexdigest()

    def parts(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            part = self.rfile.read(min(left, 65536))
            if not part:
                raise ConnectionError
            left -= len(part)
            yield part

    def answer(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/release":
            self.server.gate.open()
            self.send(200, {})
            return
        with self.server.parallel:
            length, digest = self.body()
            # Before the note: whoever reads it may let go at once.
            opened = self.server.gate.opened
            self.server.ledger.note("request", method=self.command, path=path[:100], agent=self.headers.get("User-Agent", ""))
            if path == "/wait":
                self.server.gate.wait(opened + 1)
            elif path == "/events":
                self.events()
                return
            elif path == "/early":
                self.send_response_only(103)
                self.send_header("Link", "</style.css>; rel=preload")
                self.end_headers()
            self.send(self.status(path), self.document(path, length, digest))

    def status(self, path: str) -> int:
        if path.startswith("/status/"):
            return int(path.rpartition("/")[2])
        if path == "/veto":
            return 409 if Path(os.environ["VETO"]).exists() else 200
        return 500 if path == "/" and "BROKEN" in os.environ else 200

    def document(self, path: str, length: int, digest: str) -> dict[str, object]:
        if path == "/environment":
            return {
                "environment": dict(os.environ),
                "arguments": sys.argv,
                "folder": str(Path.cwd()),
                "uid": os.getuid(),
                "pid": os.getpid(),
            }
        return {
            "app": self.server.ledger.name,
            "pid": os.getpid(),
            "method": self.command,
            "target": self.path,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "length": length,
            "sha256": digest,
            "most": self.server.parallel.most,
        }

    def send(self, status: int, document: dict[str, object]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Twice", "one")
        self.send_header("X-Twice", "two")
        self.send_header("Set-Cookie", "a=1; Path=/")
        self.send_header("Set-Cookie", "b=2; Path=/")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        opened = self.server.gate.opened
        for number in range(3):
            self.server.gate.wait(opened + number)
            self.wfile.write(f"id: {number}\ndata: event {number}\n\n".encode())
            self.wfile.flush()

    def __getattr__(self, name: str):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)


class Echo(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address: tuple[str, int], ledger: Ledger) -> None:
        self.ledger = ledger
        self.gate = Gate()
        self.parallel = Parallel()
        super().__init__(address, Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients may leave."""


def main() -> None:
    ledger = Ledger(*sys.argv[1:3])
    ledger.note("start")

    def end(number: int, _: object) -> None:
        ledger.note("end", signal=signal.Signals(number).name)
        os._exit(0)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN if "STUBBORN" in os.environ else end)
    if "GATE" in os.environ:
        with Path(os.environ["GATE"]).open("rb", buffering=0) as gate:
            gate.read(1)
    server = Echo(("127.0.0.1", int(os.environ["PORT"])), ledger)
    if "CERTIFICATE" in os.environ:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.environ["CERTIFICATE"])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


main()
