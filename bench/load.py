"""The load generator: a process of its own, one thread, one epoll, standard library only.

Each connection is kept, asks for one host, and sends the next request when the answer is there (and `--pause` seconds have passed). Nothing
is sent twice. An answer that is not 200 and a broken connection are errors; the first of them is told, and its connection is given up.

Prints one JSON object: requests, seconds, errors, latency (percentiles in µs), with `--samples` each latency too.
"""

import argparse
import json
import random
import select
import socket
import time
from dataclasses import dataclass, field

END_OF_HEAD = b"\r\n\r\n"
_length = b"content-length:"


@dataclass(slots=True)
class Connection:
    socket: socket.socket
    request: bytes
    sent: float = 0.0
    data: bytes = b""
    size: int = 0
    """Of the whole answer, as the first one told."""


@dataclass(slots=True)
class Generator:
    """Keeps every connection busy until the time is over."""

    poll: select.epoll
    pause: float
    connections: dict[int, Connection] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    due: list[tuple[float, int]] = field(default_factory=list)
    """Paused connections, the first one to go on at the front."""
    errors: int = 0
    first_error: str = ""

    def open(self, port: int, host: str) -> None:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        request = f"GET /some/path HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n".encode()
        self.connections[connection.fileno()] = Connection(connection, request)
        self.poll.register(connection.fileno(), select.EPOLLIN)

    def run(self, seconds: float) -> float:
        """Returns how long it really took."""
        start = time.perf_counter()
        until = start + seconds
        spread = self.pause / max(1, len(self.connections))
        for place, number in enumerate(list(self.connections)):
            if self.pause:
                self.due.append((start + place * spread, number))
            else:
                self.send(number)
        now = start
        while now < until and self.connections:
            wait = until - now if not self.due else max(0.0, min(until, self.due[0][0]) - now)
            for number, _ in self.poll.poll(wait):
                self.receive(number)
            now = time.perf_counter()
            while self.due and self.due[0][0] <= now:
                self.send(self.due.pop(0)[1])
        return now - start

    def send(self, number: int) -> None:
        connection = self.connections[number]
        connection.sent = time.perf_counter()
        connection.socket.send(connection.request)

    def receive(self, number: int) -> None:
        connection = self.connections[number]
        try:
            data = connection.socket.recv(65536)
        except ConnectionError as error:
            self.fail(number, repr(error))
            return
        if not data:
            self.fail(number, "the connection was closed")
            return
        data = connection.data = connection.data + data if connection.data else data
        if not connection.size and END_OF_HEAD in data:
            connection.size = size_of(data)
        if not connection.size or len(data) < connection.size:
            return
        if len(data) > connection.size or not data.startswith(b"HTTP/1.1 200 "):
            self.fail(number, repr(data[:200]))
            return
        connection.data = b""
        now = time.perf_counter()
        self.latencies.append(now - connection.sent)
        if self.pause:
            self.due.append((now + self.pause, number))
        else:
            self.send(number)

    def fail(self, number: int, why: str) -> None:
        self.errors += 1
        self.first_error = self.first_error or why
        self.poll.unregister(number)
        self.connections.pop(number).socket.close()
        self.due = [each for each in self.due if each[1] != number]


def size_of(data: bytes) -> int:
    """How many bytes the whole answer has."""
    head, _, _ = data.lower().partition(END_OF_HEAD)
    return len(head) + len(END_OF_HEAD) + int(head.partition(_length)[2].split(b"\r\n")[0])


def percentiles(latencies: list[float]) -> dict[str, float]:
    ordered = sorted(latencies) or [0.0]
    return {f"p{share}": round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)] * 1e6, 1) for share in (50, 90, 99)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", required=True, help="the Host to ask for; {} is replaced by a number of --hosts")
    parser.add_argument("--hosts", type=int, default=1, help="how many hosts there are; each connection asks for one of them, by chance")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--samples", action="store_true")
    options = parser.parse_args()
    generator = Generator(select.epoll(), options.pause)
    for _ in range(options.connections):
        generator.open(options.port, options.host.format(random.randrange(options.hosts)))
    seconds = generator.run(options.seconds)
    said = {
        "requests": len(generator.latencies),
        "seconds": seconds,
        "errors": generator.errors,
        "first_error": generator.first_error,
        "latency": percentiles(generator.latencies),
    }
    if options.samples:
        said["samples"] = generator.latencies
    print(json.dumps(said))


if __name__ == "__main__":
    main()
