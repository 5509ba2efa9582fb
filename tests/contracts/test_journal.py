"""What every Journal promises."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.kubernetes.conftest import api, namespace
from wakedock_operator.adapters.files.journal import FileJournal
from wakedock_operator.adapters.kubernetes.client import connect
from wakedock_operator.adapters.kubernetes.events import KubernetesJournal
from wakedock_operator.core.status import Asker
from wakedock_operator.ports.fakes.journal import FakeJournal
from wakedock_operator.ports.journal import Event, EventKind, Journal
from wakedock_operator.resource import Key

__all__ = ["api", "namespace"]  # fixtures

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Kept:
    """A journal, and two services of a namespace that is this test's alone."""

    journal: Journal
    namespace: str = "default"

    def __post_init__(self) -> None:
        self.hello, self.other = Key(self.namespace, "hello"), Key(self.namespace, "other")

    def event(self, number: int, kind: EventKind = EventKind.SLEPT, key: Key | None = None) -> Event:
        return Event(START + timedelta(seconds=number), key or self.hello, kind, reason=f"r{number}")

    def wake(self, seconds: float, key: Key | None = None) -> Event:
        return Event(START, key or self.hello, EventKind.WOKE, phases={"asked": 0.0, "granted": seconds})


@pytest.fixture(params=["fake", "file", pytest.param("kubernetes", marks=pytest.mark.kubernetes)])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    if request.param == "fake":
        yield Kept(FakeJournal())
    elif request.param == "file":
        file = FileJournal(tmp_path / "journal.sqlite")
        yield Kept(file)
        await file.close()
    else:
        connected, there = await connect(kubeconfig=request.getfixturevalue("api")), request.getfixturevalue("namespace")
        dropped: list[int] = []
        journal = KubernetesJournal(connected, instance="test", uid_of=lambda _: "uid", on_drop=dropped.append, namespace=there)
        writing = asyncio.create_task(journal.run())
        yield Kept(journal, there)
        writing.cancel()
        await asyncio.wait({writing})
        await connected.close()
        assert dropped == []


@pytest.fixture
def journal(kept: Kept) -> Journal:
    return kept.journal


async def test_an_empty_journal_has_no_events_and_no_typical_wake(kept: Kept, journal: Journal):
    assert await journal.events() == ()
    assert await journal.typical_wake(kept.hello) is None


async def test_events_come_newest_first_and_complete(kept: Kept, journal: Journal):
    asker = Asker(at=START, method="GET", host="hello.localhost", path="/a", user_agent="curl/8", client="127.0.0.1")
    first = Event(START, kept.hello, EventKind.WOKE, "Request", "in words: ü 'quoted'", asker, {"asked": 0.0, "granted": 1.25})
    second = kept.event(1)
    journal.record(first)
    journal.record(second)
    assert list(await journal.events()) == [second, first]


async def test_events_are_found_by_service_and_by_kind(kept: Kept, journal: Journal):
    for number in range(4):
        journal.record(kept.event(number, EventKind.SLEPT, kept.hello))
        journal.record(kept.event(number, EventKind.PINNED, kept.other))
        journal.record(kept.event(number, EventKind.PINNED, kept.hello))
    assert {e.key for e in await journal.events(key=kept.other)} == {kept.other}
    assert len(await journal.events(kind=EventKind.PINNED)) == 8
    both = await journal.events(key=kept.hello, kind=EventKind.PINNED, limit=2)
    assert [e.reason for e in both] == ["r3", "r2"]


async def test_the_typical_wake_is_the_median_of_the_last_twenty(kept: Kept, journal: Journal):
    for seconds in (100.0, 100.0, 100.0, *range(1, 21)):
        journal.record(kept.wake(float(seconds)))
    journal.record(kept.wake(77.0, kept.other))
    assert await journal.typical_wake(kept.hello) == 10.5
    assert await journal.typical_wake(kept.other) == 77.0


async def test_a_removed_service_starts_anew(kept: Kept, journal: Journal):
    journal.record(kept.wake(5.0))
    journal.record(kept.event(1, EventKind.REMOVED))
    assert await journal.typical_wake(kept.hello) is None
    journal.record(kept.wake(1.0))
    assert await journal.typical_wake(kept.hello) == 1.0
