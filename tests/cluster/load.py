"""Load through the gateways that never retries: each request is sent once, and what became of it is written down."""

import asyncio
import random
from dataclasses import dataclass, field

from tests.soak.generator import exchange


@dataclass(slots=True)
class Load:
    """Workers that ask one host, each request with an id of its own, until `stop`. Half are POSTs, and half of the connections are kept.

    As every client they open a new connection where the kept one was closed meanwhile (RFC 9112, 9.3); nothing is sent a second time.
    """

    address: str
    host: str
    seed: int
    workers: int = 4
    pause: float = 0.0
    """Seconds between two requests of a worker."""
    keeps: float = 0.5
    """How likely a connection is kept after an answer."""
    sent: int = 0
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    _stopped: bool = False

    async def run(self) -> None:
        """Ask until `stop`, then return when the last answers are there."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(self.workers):
                tasks.create_task(self._work(number))

    def stop(self) -> None:
        """Send no further request."""
        self._stopped = True

    async def _work(self, number: int) -> None:
        chance = random.Random(f"{self.seed}/{self.host}/{number}")
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        count = 0
        while not self._stopped:
            count += 1
            name = f"{self.host}-{number}-{count}"
            body = bytes(chance.randrange(4096)) if chance.random() < 0.5 else None
            head = f"{'GET' if body is None else 'POST'} / HTTP/1.1\r\nHost: {self.host}\r\nX-Request-Id: {name}\r\n"
            head += "\r\n" if body is None else f"Content-Length: {len(body)}\r\n\r\n"
            self.ids.append(name)
            self.sent += 1
            try:
                if connection is not None and connection[0].at_eof():
                    connection[1].close()
                    connection = None
                if connection is None:
                    connection = await asyncio.open_connection(self.address, 80)
                answer = await exchange(*connection, head.encode() + (body or b""))
            except (OSError, EOFError) as error:
                self.lost.append(f"{name}: {error!r}")
                if connection is not None:
                    connection[1].close()
                connection = None
                continue
            if answer.status == 200:
                self.answered += 1
            else:
                self.lost.append(f"{name}: {answer.status} {answer.body[:200]!r}")
            if answer.closes or chance.random() >= self.keeps:
                connection[1].close()
                connection = None
            await asyncio.sleep(chance.uniform(0, 2 * self.pause))
        if connection is not None:
            connection[1].close()
