"""10,000 services beside one, each on a Caddy of its own: throughput, CPU per request, start and memory.

Only the Caddy half runs here: what is measured is the host tree, and how long Caddy takes to load it.
"""

import asyncio
import os
import signal
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.installation import free_port
from wakedock_operator.adapters.caddy.edge import CaddyEdge
from wakedock_operator.adapters.caddy.options import CaddyOptions, environment_for
from wakedock_operator.core.routing import Route
from wakedock_operator.resource import Key

from .asking import until_answered
from .place import Place, command, load
from .procfs import cpu, memory
from .rows import Row, ms, spread

HOST = "s{}.apps.example.org"


@dataclass(frozen=True, slots=True)
class Size:
    """Rounds of so many seconds for each of the two Caddies."""

    services: int = 10_000
    connections: int = 16
    rounds: int = 10
    seconds: float = 1.5
    warm_up: float = 2.0


FULL, QUICK = Size(), Size(services=200, rounds=2, seconds=0.2, warm_up=0.1)


@dataclass(slots=True)
class Subject:
    """One Caddy with so many services, all awake at the same app."""

    services: int
    port: int
    edge: CaddyEdge
    applied: float = 0.0
    """Seconds from a Caddy without routes to all of them in force."""
    started: float = 0.0
    """Seconds from the end of a killed Caddy until the next one answers with all routes."""
    idle: float = 0.0
    throughput: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, services: int, folder: Path, runtime: Path) -> "Subject":
        port = free_port()
        return cls(
            services, port, CaddyEdge(CaddyOptions(runtime, folder, listen=(f"127.0.0.1:{port}",), environment=environment_for(services)))
        )

    @property
    def pid(self) -> int:
        assert self.edge.pid is not None
        return self.edge.pid

    async def start(self, app: str) -> None:
        """Bring the routes in force, steer all to `app`, then kill Caddy and let it be started again."""
        await self.edge.start()
        routes = [Route(Key("default", f"s{number}"), ((HOST.format(number), "/"),)) for number in range(self.services)]
        began = time.monotonic()
        applied = await self.edge.apply(routes, longest_wake=60)
        self.applied = time.monotonic() - began
        assert not applied.rejected
        for route in routes:
            self.edge.steer(route.key, app)
        began = time.monotonic()
        os.kill(self.pid, signal.SIGKILL)
        while not self.edge.restarts:
            await asyncio.sleep(0.01)
        self.started = time.monotonic() - began
        self.idle = memory(self.pid)

    async def round(self, size: Size) -> None:
        before = cpu(self.pid)
        said = await load(self.port, HOST, hosts=self.services, connections=size.connections, seconds=size.seconds)
        self.throughput.append(said["requests"] / said["seconds"])
        self.cost.append((cpu(self.pid) - before) / said["requests"])


async def measure(size: Size, where: Place) -> list[Row]:
    """Each connection asks for one host, another one each time: more hosts would also pay for new connections to their apps."""
    port = free_port()
    app = await asyncio.create_subprocess_exec(*command(str(port)))
    subjects = [Subject.of(number, where.folder / str(number), where.runtime / str(number)) for number in (1, size.services)]
    try:
        await until_answered(port, 0.02)
        for subject in subjects:
            await subject.start(f"127.0.0.1:{port}")
            await load(subject.port, HOST, hosts=subject.services, connections=size.connections, seconds=size.warm_up)
        for number in range(size.rounds):
            for subject in subjects if number % 2 == 0 else reversed(subjects):
                await subject.round(size)
        return await _rows(*subjects)
    finally:
        for subject in subjects:
            await subject.edge.stop()
        app.kill()
        await app.wait()


async def _rows(one: Subject, many: Subject) -> list[Row]:
    throughput = [a / b for a, b in zip(many.throughput, one.throughput, strict=True)]
    cost = [a / b for a, b in zip(many.cost, one.cost, strict=True)]
    look = await many.edge.in_flight()
    loaded = memory(many.pid)
    name = f"{many.services:,} services"
    return [
        Row(
            f"{name}, against one",
            f"throughput {spread(throughput)}, CPU per request {spread(cost)}",
            f"{statistics.median(many.throughput):.0f}/s at {statistics.median(many.cost) * 1e6:.0f} µs against "
            f"{statistics.median(one.throughput):.0f}/s at {statistics.median(one.cost) * 1e6:.0f} µs",
            "throughput ≥ 0.7",
            statistics.median(throughput) >= 0.7,
            {
                "requests_per_second": many.throughput,
                "requests_per_second_one": one.throughput,
                "cpu_seconds_per_request": many.cost,
                "cpu_seconds_per_request_one": one.cost,
            },
        ),
        Row(
            f"{name}: start of Caddy",
            f"{many.started:.1f} s (loading into a running one: {many.applied:.1f} s)",
            f"one service: {one.started:.1f} s ({one.applied:.1f} s)",
            "≤ 6 s",
            many.started <= 6,
            {"start_seconds": many.started, "apply_seconds": many.applied, "start_seconds_one": one.started},
        ),
        Row(
            f"{name}: Caddy's memory",
            f"{many.idle:.0f} MB after the start, {loaded:.0f} MB after the load",
            f"one service: {one.idle:.0f} MB, {memory(one.pid):.0f} MB",
            "≤ 300 MB after the start",
            many.idle <= 300,
            {"idle_mb": many.idle, "loaded_mb": loaded, "idle_mb_one": one.idle},
        ),
        Row(f"{name}: a look at the in-flight list", ms(look.took), samples={"seconds": look.took}),
    ]
