"""Clients of every kind that ask one service, each request with an id of its own. Nothing is ever sent twice."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.soak.generator import Answer, exchange

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]
EVENTS = 5
RELOAD = 10.0
"""Seconds within which changed routes are in force, loads that wait for each other included."""
LINES = 3


@dataclass(slots=True)
class Visitors:
    """Workers that ask one service in a mixture of ways until `stop`: short ones, slow uploads, event streams, upgraded connections."""

    host: str
    port: int
    seed: int
    pause: tuple[float, float]
    workers: int = 4
    sent: int = 0
    lost: list[str] = field(default_factory=list)
    """What became of each request that did not get the app's whole answer."""
    unsent: list[str] = field(default_factory=list)
    """Requests whose connection was closed before a byte of an answer while routes changed: Caddy closes what looks idle to it then."""
    routes_changed: float = -RELOAD
    ids: list[str] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    _under_way: int = 0
    _stopped: bool = False
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _progress: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self) -> None:
        """Ask until `stop`, then return when the last answers are there."""
        self._open.set()
        async with asyncio.TaskGroup() as tasks:
            for number in range(self.workers):
                tasks.create_task(self._work(number))

    def stop(self) -> None:
        """Send no further request."""
        self._stopped = True

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Nobody asks in here, and nothing is under way."""
        self._open.clear()
        try:
            async with self._progress:
                await self._progress.wait_for(lambda: self._under_way == 0)
            yield
        finally:
            self._open.set()

    async def until_answered(self, more: int) -> None:
        """Wait for so many further requests to be through, or for a loss."""
        wanted = self.sent + more
        async with self._progress:
            await self._progress.wait_for(lambda: self.sent - self._under_way >= wanted or bool(self.lost))

    async def _work(self, number: int) -> None:
        chance = random.Random(f"{self.seed}/{self.host}/{number}")
        kept: Wire | None = None
        count = 0
        while not self._stopped:
            if chance.random() < 0.5:
                await asyncio.sleep(chance.uniform(*self.pause))
            await self._open.wait()
            count += 1
            name = f"{self.host}-{number}-{count}"
            kind = chance.choices(("short", "upload", "events", "socket"), (20, 2, 1, 1))[0]
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
            self.ids.append(name)
            self.sent += 1
            self._under_way += 1
            wire = kept or await asyncio.open_connection("127.0.0.1", self.port)
            kept = None
            try:
                kept = await self._ask(wire, name, kind, chance)
            except (OSError, EOFError) as error:
                await _close(wire)
                reload = time.monotonic() - self.routes_changed < RELOAD
                unsent = reload and not isinstance(error, asyncio.LimitOverrunError) and not getattr(error, "partial", b"")
                (self.unsent if unsent else self.lost).append(f"{name}: {kind} {error!r}")
            finally:
                self._under_way -= 1
            async with self._progress:
                self._progress.notify_all()
        if kept is not None:
            await _close(kept)

    async def _ask(self, wire: Wire, name: str, kind: str, chance: random.Random) -> Wire | None:
        """Ask in one way; returns the connection if it can be used again."""
        match kind:
            case "events":
                await self._events(wire, name)
                return None
            case "socket":
                await self._socket(wire, name)
                return None
            case "upload":
                parts = [bytes(chance.randrange(1, 50_000)) for _ in range(4)]
                answer = await self._upload(wire, name, parts, chance.uniform(0.01, 0.2))
                body = sum(map(len, parts))
            case _:
                content = bytes(chance.randrange(8192)) if chance.random() < 0.5 else None
                answer = await exchange(*wire, self._head(name, content) + (content or b""))
                body = len(content or b"")
        if (answer.status, answer.body) != (200, f"{name} {body}".encode()):
            self.lost.append(f"{name}: {kind} {answer.status} {answer.body[:300]!r}")
        if answer.closes or chance.random() < 0.5:
            await _close(wire)
            return None
        return wire

    def _head(self, path: str, content: bytes | None, *lines: str) -> bytes:
        length = [] if content is None else [f"Content-Length: {len(content)}"]
        first = f"{'GET' if content is None else 'POST'} /{path} HTTP/1.1"
        return "\r\n".join([first, f"Host: {self.host}.localhost", *length, *lines, "", ""]).encode()

    async def _upload(self, wire: Wire, name: str, parts: list[bytes], between: float) -> Answer:
        wire[1].write(self._head(name, b"".join(parts)))
        for part in parts[:-1]:
            wire[1].write(part)
            await wire[1].drain()
            await asyncio.sleep(between)
        return await exchange(*wire, parts[-1])

    async def _events(self, wire: Wire, name: str) -> None:
        wire[1].write(self._head(f"{name}/events", None, "Connection: close"))
        content = await wire[0].read(-1)
        await _close(wire)
        if not content:
            raise asyncio.IncompleteReadError(b"", None)
        seen = content.count(f"data: {name} ".encode())
        if not content.startswith(b"HTTP/1.1 200") or seen != EVENTS:
            self.lost.append(f"{name}: events, {seen} of {EVENTS}: {content[:300]!r}")

    async def _socket(self, wire: Wire, name: str) -> None:
        wire[1].write(self._head(f"{name}/socket", None, "Connection: Upgrade", "Upgrade: websocket"))
        head = await wire[0].readuntil(b"\r\n\r\n")
        lines = [f"{name} {line}\n".encode() for line in range(LINES)]
        back = []
        if head.startswith(b"HTTP/1.1 101"):
            for line in lines:
                wire[1].write(line)
                back.append(await wire[0].readline())
        await _close(wire)
        if back != lines:
            self.lost.append(f"{name}: socket {head[:200]!r} {back!r}")


async def _close(wire: Wire) -> None:
    wire[1].close()
    with suppress(OSError):
        await wire[1].wait_closed()
