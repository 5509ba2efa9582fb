from datetime import UTC, datetime

from wakedock_operator.adapters.recent_wakes import RecentWakes
from wakedock_operator.ports.journal import TYPICAL_OF, Event, EventKind
from wakedock_operator.resource import Key

HELLO = Key("default", "hello")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def woke(seconds: float) -> Event:
    return Event(NOW, HELLO, EventKind.WOKE, phases={"granted": seconds})


async def test_the_typical_duration_is_that_of_the_last_wakes():
    wakes = RecentWakes()
    assert await wakes.typical_wake(HELLO) is None
    for seconds in (*[90.0] * TYPICAL_OF, *[2.0] * TYPICAL_OF):
        wakes.record(woke(seconds))
    assert await wakes.typical_wake(HELLO) == 2.0


async def test_a_service_that_comes_back_starts_anew():
    wakes = RecentWakes()
    wakes.record(woke(2.0))
    wakes.record(Event(NOW, HELLO, EventKind.REMOVED))
    assert await wakes.typical_wake(HELLO) is None


async def test_nothing_but_durations_is_kept():
    wakes = RecentWakes()
    wakes.record(woke(2.0))
    wakes.record(Event(NOW, HELLO, EventKind.CRASHED))
    assert await wakes.events() == ()
