"""Awake: what WakeDock's Caddy costs beside stock Caddy, with the same app behind both."""

import statistics
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from .asking import get
from .place import Place, load, wakedock, wakedock_pid
from .procfs import cpu
from .rows import Row, spread
from .stock import stock_caddy

HOST = "app.localhost"


@dataclass(frozen=True, slots=True)
class Size:
    """Rounds of so many seconds for each Caddy at each number of connections."""

    connections: tuple[int, ...] = (1, 16, 64)
    rounds: int = 14
    seconds: float = 1.0
    warm_up: float = 1.0


FULL, QUICK = Size(), Size(connections=(16,), rounds=2, seconds=0.2, warm_up=0.1)


@dataclass(slots=True)
class Subject:
    """One Caddy, and what each round showed."""

    name: str
    pid: int
    port: int
    throughput: dict[int, list[float]] = field(default_factory=dict)
    """Requests a second, by the number of connections."""
    cost: dict[int, list[float]] = field(default_factory=dict)
    """CPU seconds of this Caddy per request."""

    async def round(self, connections: int, seconds: float) -> None:
        before = cpu(self.pid)
        said = await load(self.port, HOST, connections=connections, seconds=seconds)
        self.throughput.setdefault(connections, []).append(said["requests"] / said["seconds"])
        self.cost.setdefault(connections, []).append((cpu(self.pid) - before) / said["requests"])

    def told(self, connections: int) -> str:
        """The medians, in words."""
        rate, cost = statistics.median(self.throughput[connections]), statistics.median(self.cost[connections])
        return f"{rate:.0f}/s at {cost * 1e6:.0f} µs"


async def measure(size: Size, where: Place) -> list[Row]:
    """Ratios of each round to the same round of the stock Caddy beside it."""
    async with wakedock(where, {"app": 0.0}) as installation, AsyncExitStack() as others:
        assert (await get(installation.port, HOST)).status == 200
        record = installation.instance("app")
        assert record is not None
        stock = Subject("stock", *await _stock(others, where, record, tuned=False))
        tuned = Subject("tuned", *await _stock(others, where, record, tuned=True))
        ours = Subject("ours", installation.caddy_pid(), installation.port)
        python, before = wakedock_pid(installation), cpu(wakedock_pid(installation))
        for connections in size.connections:
            for subject in (stock, ours, tuned):
                await load(subject.port, HOST, connections=connections, seconds=size.warm_up)
            for number in range(size.rounds):
                subjects = (stock, ours, tuned) if number % 2 == 0 else (tuned, ours, stock)
                for subject in subjects:
                    await subject.round(connections, size.seconds)
        rows = [row for connections in size.connections for row in _rows(connections, ours, stock, tuned)]
        rows.append(_python(size, cpu(python) - before, ours))
        return rows


async def _stock(others: AsyncExitStack, where: Place, record: dict[str, Any], *, tuned: bool) -> tuple[int, int]:
    folder = where.folder / ("tuned" if tuned else "stock")
    caddy = await others.enter_async_context(stock_caddy(folder, HOST, f"127.0.0.1:{record['port']}", tuned=tuned))
    return caddy.pid, caddy.port


def _rows(connections: int, ours: Subject, stock: Subject, tuned: Subject) -> list[Row]:
    rows = []
    for name, other, aim in (("default settings", stock, 0.95), ("the same settings", tuned, None)):
        throughput = _ratios(ours.throughput[connections], other.throughput[connections])
        cost = _ratios(ours.cost[connections], other.cost[connections])
        rows.append(
            Row(
                f"warm, c={connections}, against stock Caddy with {name}",
                f"throughput {spread(throughput)}, CPU per request {spread(cost)}",
                f"{ours.told(connections)} against {other.told(connections)}",
                "" if aim is None else f"throughput ≥ {aim}",
                None if aim is None else statistics.median(throughput) >= aim,
                {
                    "requests_per_second": ours.throughput[connections],
                    "requests_per_second_stock": other.throughput[connections],
                    "cpu_seconds_per_request": ours.cost[connections],
                    "cpu_seconds_per_request_stock": other.cost[connections],
                },
            )
        )
    return rows


def _ratios(ours: list[float], others: list[float]) -> list[float]:
    return [one / other for one, other in zip(ours, others, strict=True)]


def _python(size: Size, spent: float, ours: Subject) -> Row:
    requests = sum(sum(rates) for rates in ours.throughput.values()) * size.seconds
    return Row(
        "warm: CPU of the Python process",
        f"{spent / requests * 1e6:.2f} µs per request",
        f"{spent:.2f} s in all, {requests:.0f} requests",
        samples={"cpu_seconds": spent, "requests": requests},
    )
