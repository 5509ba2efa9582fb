"""What every Journal promises."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wakedock_operator.adapters.files.journal import FileJournal
from wakedock_operator.core.status import Asker
from wakedock_operator.ports.fakes.journal import FakeJournal
from wakedock_operator.ports.journal import Event, EventKind, Journal
from wakedock_operator.resource import Key

HELLO, OTHER = Key("default", "hello"), Key("default", "other")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(number: int, kind: EventKind = EventKind.SLEPT, key: Key = HELLO) -> Event:
    return Event(START + timedelta(seconds=number), key, kind, reason=f"r{number}")


def wake(seconds: float, key: Key = HELLO) -> Event:
    return Event(START, key, EventKind.WOKE, phases={"asked": 0.0, "granted": seconds})


@pytest.fixture(params=["fake", "file"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    makers: dict[str, Callable[[], FakeJournal | FileJournal]] = {
        "fake": FakeJournal,
        "file": lambda: FileJournal(tmp_path / "journal.sqlite"),
    }
    made = makers[request.param]()
    yield made
    if isinstance(made, FileJournal):
        await made.close()


async def test_an_empty_journal_has_no_events_and_no_typical_wake(journal: Journal):
    assert await journal.events() == ()
    assert await journal.typical_wake(HELLO) is None


async def test_events_come_newest_first_and_complete(journal: Journal):
    asker = Asker(at=START, method="GET", host="hello.localhost", path="/a", user_agent="curl/8", client="127.0.0.1")
    first = Event(START, HELLO, EventKind.WOKE, "Request", "in words: ü 'quoted'", asker, {"asked": 0.0, "granted": 1.25})
    second = event(1)
    journal.record(first)
    journal.record(second)
    assert list(await journal.events()) == [second, first]


async def test_events_are_found_by_service_and_by_kind(journal: Journal):
    for number in range(4):
        journal.record(event(number, EventKind.SLEPT, HELLO))
        journal.record(event(number, EventKind.PINNED, OTHER))
        journal.record(event(number, EventKind.PINNED, HELLO))
    assert {e.key for e in await journal.events(key=OTHER)} == {OTHER}
    assert len(await journal.events(kind=EventKind.PINNED)) == 8
    both = await journal.events(key=HELLO, kind=EventKind.PINNED, limit=2)
    assert [e.reason for e in both] == ["r3", "r2"]


async def test_the_typical_wake_is_the_median_of_the_last_twenty(journal: Journal):
    for seconds in (100.0, 100.0, 100.0, *range(1, 21)):
        journal.record(wake(float(seconds)))
    journal.record(wake(77.0, OTHER))
    assert await journal.typical_wake(HELLO) == 10.5
    assert await journal.typical_wake(OTHER) == 77.0


async def test_a_removed_service_starts_anew(journal: Journal):
    journal.record(wake(5.0))
    journal.record(event(1, EventKind.REMOVED))
    assert await journal.typical_wake(HELLO) is None
    journal.record(wake(1.0))
    assert await journal.typical_wake(HELLO) == 1.0
