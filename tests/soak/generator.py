"""Load that never retries: each request is sent once, and what became of it is written down."""

import asyncio
import random
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body as they came."""

    status: int
    body: bytes
    closes: bool


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> Answer:
    """Send one HTTP/1.1 request on an open connection and read the answer. Raises OSError and EOFError when it breaks."""
    writer.write(request)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if "content-length" not in headers:
        raise EOFError(f"an answer without a length: {head}")
    body = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(head[0].split()[1]), body, headers.get("connection") == "close")


@dataclass(slots=True)
class Load:
    """Workers that ask one host for `/ID` with an id of its own each time, until `stop`.

    After half of the requests the connection is kept for the next one. Half of the requests are POSTs with a body of up to 8 kB.
    """

    host: str
    port: int
    seed: int
    workers: int = 8
    pause: tuple[float, float] | None = None
    """How many seconds (from, to) a worker waits after every second request or so; None for a steady load."""
    sent: int = 0
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    """What became of each request that did not get the app's answer."""
    ids: list[str] = field(default_factory=list)
    _stopped: bool = False
    _progress: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self) -> None:
        """Ask until `stop`, then return when the last answers are there."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(self.workers):
                tasks.create_task(self._work(number))

    def stop(self) -> None:
        """Send no further request."""
        self._stopped = True

    async def until_answered(self, more: int) -> None:
        """Wait for so many further answers."""
        wanted = self.answered + more
        async with self._progress:
            await self._progress.wait_for(lambda: self.answered >= wanted or bool(self.lost))

    async def _work(self, number: int) -> None:
        chance = random.Random(f"{self.seed}/{self.host}/{number}")
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        count = 0
        while not self._stopped:
            if self.pause is not None and chance.random() < 0.5:
                await asyncio.sleep(chance.uniform(*self.pause))
            count += 1
            name = f"{self.host}-{number}-{count}"
            body = bytes(chance.randrange(8192)) if chance.random() < 0.5 else None
            request = f"{'GET' if body is None else 'POST'} /{name} HTTP/1.1\r\nHost: {self.host}.localhost\r\n"
            request += "\r\n" if body is None else f"Content-Length: {len(body)}\r\n\r\n"
            self.ids.append(name)
            self.sent += 1
            try:
                if connection is None:
                    connection = await asyncio.open_connection("127.0.0.1", self.port)
                answer = await exchange(*connection, request.encode() + (body or b""))
            except (OSError, EOFError) as error:
                await self._note(f"{name}: {error!r}")
                connection = None
                continue
            expected = f"{name} {len(body or b'')}".encode()
            await self._note(None if (answer.status, answer.body) == (200, expected) else f"{name}: {answer.status} {answer.body[:300]!r}")
            if answer.closes or chance.random() < 0.5:
                connection[1].close()
                connection = None
        if connection is not None:
            connection[1].close()

    async def _note(self, loss: str | None) -> None:
        async with self._progress:
            if loss is None:
                self.answered += 1
            else:
                self.lost.append(loss)
            self._progress.notify_all()
