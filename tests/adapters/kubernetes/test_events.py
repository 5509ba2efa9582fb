"""History that cannot be written is dropped and counted, and holds nothing up."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes.errors import ApiError, Forbidden, NotFound, Unavailable
from wakedock_operator.adapters.kubernetes.events import QUEUED, KubernetesJournal
from wakedock_operator.ports.journal import Event, EventKind
from wakedock_operator.resource import Key

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Server:
    """Keeps the Events that it takes, once it may."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.refusal: ApiError | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        await self.answers.wait()
        if self.refusal is not None:
            raise self.refusal
        self.taken.append(body)
        return body

    async def read_all(self, path: str, **_: str) -> list[dict[str, Any]]:
        return self.taken


class Operator:
    def __init__(self) -> None:
        self.server = Server()
        self.dropped = 0
        self.journal = KubernetesJournal(
            self.server,  # type: ignore[arg-type] # all that it asks of it
            instance="test",
            uid_of=lambda _: "uid",
            on_drop=self.drop,
        )

    def drop(self, number: int) -> None:
        self.dropped += number

    def record(self, number: int) -> None:
        self.journal.record(Event(START + timedelta(seconds=number), Key("team", "shop"), EventKind.SLEPT, f"r{number}"))

    async def reasons(self) -> list[str]:
        return [event.reason for event in await self.journal.events(limit=QUEUED)]


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    made = Operator()
    writing = asyncio.create_task(made.journal.run())
    yield made
    writing.cancel()
    await asyncio.wait({writing})


async def test_a_reader_waits_for_what_was_recorded_before(operator: Operator):
    operator.server.answers.clear()
    operator.record(1)
    reading = asyncio.create_task(operator.reasons())
    await asyncio.wait({reading}, timeout=0)
    assert not reading.done()
    operator.server.answers.set()
    assert await reading == ["r1"]


@pytest.mark.parametrize(
    "refusal, dropped",
    [(Forbidden("quota"), 1), (Unavailable("away"), 1), (NotFound("the namespace is gone"), 0)],
    ids=["refused", "not answered", "of a namespace that is gone, which nobody misses"],
)
async def test_an_event_that_is_not_taken_is_dropped_and_the_next_one_written(operator: Operator, refusal: ApiError, dropped: int):
    operator.server.refusal = refusal
    operator.record(1)
    assert await operator.reasons() == []
    operator.server.refusal = None
    operator.record(2)
    assert await operator.reasons() == ["r2"]
    assert operator.dropped == dropped


async def test_of_more_than_can_wait_the_oldest_go(operator: Operator):
    for number in range(QUEUED + 2):
        operator.record(number)
    assert operator.dropped == 2
    reasons = await operator.reasons()
    assert (len(reasons), reasons[0], reasons[-1]) == (QUEUED, f"r{QUEUED + 1}", "r2")
