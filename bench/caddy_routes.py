"""What 10,000 services cost in Caddy, against one: CPU per request, start, memory.

    python bench/caddy_routes.py [--services 10000] [--requests 40000]

Both run side by side, in turns, under the same load from this process; CPU is what the kernel counts for each Caddy.
"""

import argparse
import asyncio
import os
import random
import shutil
import signal
import socket
import statistics
import tempfile
import time
from pathlib import Path

from wakedock_operator.adapters.caddy.edge import CaddyEdge
from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.core.routing import Route
from wakedock_operator.resource import Key

CONNECTIONS = 16
ROUNDS = 5
_answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
_ticks = os.sysconf("SC_CLK_TCK")


class App(asyncio.Protocol):
    """Answers every request in 5 bytes, without looking at it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._left = b""

    def data_received(self, data: bytes) -> None:
        requests = (self._left + data).split(b"\r\n\r\n")
        self._left = requests.pop()
        self._transport.write(_answer * len(requests))  # type: ignore[attr-defined]


class Subject:
    """One Caddy with so many services, all awake at the same app."""

    def __init__(self, services: int, directory: Path) -> None:
        self.services = services
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.applied = 0.0
        self.restarted = 0.0
        self.idle = 0.0
        self.costs: list[float] = []
        self.edge = CaddyEdge(CaddyOptions(directory / "run", directory / "data", listen=(f"127.0.0.1:{self.port}",)))

    async def start(self, app: str) -> float:
        """Apply the routes; returns how many seconds that took."""
        await self.edge.start()
        routes = [Route(Key("default", f"s{i}"), ((f"s{i}.apps.example.org", "/"),)) for i in range(self.services)]
        began = time.monotonic()
        applied = await self.edge.apply(routes, longest_wake=60)
        took = time.monotonic() - began
        assert not applied.rejected
        for route in routes:
            self.edge.steer(route.key, app)
        return took

    async def restart(self) -> float:
        """Kill Caddy; returns how many seconds its supervision took to have it answer again, with all routes."""
        pid = self.edge.pid
        assert pid is not None
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        while not self.edge.restarts:
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.edge.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _ticks

    def memory(self) -> float:
        for line in Path(f"/proc/{self.edge.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1000
        raise LookupError(self.edge.pid)

    async def load(self, requests: int) -> float:
        """CPU seconds per request. Each connection asks for one host, another one each time, as far apart as chance has it.

        A host that is asked for seldom would also pay for a new connection to its app, which is not what is measured here.
        """
        before = self.cpu()
        await asyncio.gather(*(self._client(requests // CONNECTIONS) for _ in range(CONNECTIONS)))
        return (self.cpu() - before) / requests

    async def _client(self, requests: int) -> None:
        host = f"s{random.randrange(self.services)}.apps.example.org"
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for _ in range(requests):
            writer.write(f"GET /some/path HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            await reader.readexactly(5)
        writer.close()
        await writer.wait_closed()


async def measure(services: int, requests: int, directory: Path) -> None:
    server = await asyncio.get_running_loop().create_server(App, "127.0.0.1", 0)
    app = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    subjects = [Subject(1, directory / "one"), Subject(services, directory / "many")]
    try:
        for subject in subjects:
            subject.applied = await subject.start(app)
        for subject in subjects:
            subject.restarted = await subject.restart()
        for subject in subjects:
            subject.idle = subject.memory()
            await subject.load(requests // ROUNDS)
        for _ in range(ROUNDS):
            for subject in subjects:
                subject.costs.append(await subject.load(requests // ROUNDS))
        await report(*subjects)
    finally:
        for subject in subjects:
            await subject.edge.stop()
        server.close()


async def report(one: Subject, many: Subject) -> None:
    print(f"{'services':>10} {'CPU/request':>12} {'apply':>8} {'start':>8} {'RSS idle':>9} {'loaded':>8} {'in-flight look':>15}")
    for subject in (one, many):
        cost = statistics.median(subject.costs) * 1e6
        look = (await subject.edge.in_flight()).took * 1000
        print(
            f"{subject.services:>10} {cost:>9.1f} µs {subject.applied:>6.2f} s {subject.restarted:>6.2f} s {subject.idle:>6.0f} MB"
            f" {subject.memory():>5.0f} MB {look:>12.1f} ms"
        )
    ratio = statistics.median(many.costs) / statistics.median(one.costs)
    print(f"CPU per request, {many.services} services against one: {ratio:.2f} (requests per CPU second: {1 / ratio:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description="What many services cost in Caddy, against one.")
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=40_000)
    options = parser.parse_args()
    shm = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(prefix="wd", dir=shm if shm.is_dir() else None))
    try:
        asyncio.run(measure(options.services, options.requests, directory))
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
