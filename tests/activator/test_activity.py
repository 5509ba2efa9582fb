from collections.abc import Callable

import pytest

from tests.machine import HELLO, SHOP, CountingEdge, in_fake_time, service
from wakedock_operator.activator.activity import Activity
from wakedock_operator.activator.draining import QUIET_MOMENT, RETRY
from wakedock_operator.activator.service import Service
from wakedock_operator.core.gateway import Memory
from wakedock_operator.core.idleness import Idleness
from wakedock_operator.core.status import Serving, Status
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.ports.clock import Clock
from wakedock_operator.ports.fakes.clock import MONDAY_NOON
from wakedock_operator.resource import Key

pytestmark = in_fake_time


class HandClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = 1000.0

    def monotonic(self) -> float:
        return self.time

    def now(self):
        return MONDAY_NOON


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def edge() -> CountingEdge:
    made = CountingEdge()
    for key in (HELLO, SHOP):
        made.steer(key, "127.0.0.1:1")
    return made


@pytest.fixture
def activity(edge: CountingEdge, clock: HandClock) -> Activity:
    port: Clock = clock
    return Activity(edge, port)


def awake(epoch: int = 1, serving: Serving = Serving.AWAKE) -> Status:
    return Status("uid", serving, epoch, MONDAY_NOON)


def known(key: Key = HELLO, **sleep: str) -> Service:
    """An awake service of epoch 1 that was just looked at, with an idle time-out of a minute."""
    entry = Entry(service(key, sleep=dict(sleep)), "uid", 1, 1, "memory")
    return Service(key, entry, Idleness(60.0, looked=999.0), memory=Memory(epoch=1), last_request=999.0)


async def test_nothing_is_looked_at_before_its_time(activity: Activity, edge: CountingEdge):
    hello = known()
    edge.touch(HELLO, at=0.0)
    await activity.look(hello, awake())
    assert (hello.idleness.looked, edge.looks) == (999.0, 0)


@pytest.mark.parametrize(
    "status", [pytest.param(awake(serving=Serving.DRAINING), id="draining"), pytest.param(awake(epoch=2), id="another epoch")]
)
async def test_idleness_is_measured_only_while_awake_and_adopted(activity: Activity, clock: HandClock, status: Status):
    hello = known()
    clock.time = 1010.0
    await activity.look(hello, status)
    assert hello.idleness.looked == 999.0


async def test_a_touch_is_activity_and_costs_no_look_at_the_list(activity: Activity, edge: CountingEdge, clock: HandClock):
    hello = known()
    edge.touch(HELLO, at=0.0)
    clock.time = 1010.0
    await activity.look(hello, awake())
    assert (hello.idleness.since, hello.idleness.looked, hello.last_request) == (None, 1010.0, 1010.0)
    assert edge.looks == 0


async def test_a_quiet_look_begins_the_idle_time(activity: Activity, edge: CountingEdge, clock: HandClock):
    hello = known()
    clock.time = 1010.0
    await activity.look(hello, awake())
    assert (hello.idleness.since, hello.last_request, edge.looks) == (1010.0, 999.0, 1)


def in_use(edge: CountingEdge) -> None:
    edge.busy(HELLO, 1)


def gone(edge: CountingEdge) -> None:
    edge.available = False


@pytest.mark.parametrize("happens", [pytest.param(in_use, id="something in flight"), pytest.param(gone, id="no answer")])
async def test_a_look_that_cannot_prove_quiet_is_none(
    activity: Activity, edge: CountingEdge, clock: HandClock, happens: Callable[[CountingEdge], None]
):
    hello = known()
    happens(edge)
    clock.time = 1010.0
    await activity.look(hello, awake())
    assert (hello.idleness.since, hello.idleness.looked) == (None, 1010.0)


async def test_services_that_are_looked_at_together_share_one_list_and_no_service_uses_one_twice(
    activity: Activity, edge: CountingEdge, clock: HandClock
):
    hello, shop = known(), known(SHOP)
    clock.time = 1010.0
    for each in (hello, shop):
        await activity.look(each, awake())
    assert edge.looks == 1
    clock.time = 1020.0
    for each in (hello, shop):
        await activity.look(each, awake())
    assert edge.looks == 2


async def test_a_connection_older_than_max_connection_age_does_not_count(activity: Activity, edge: CountingEdge, clock: HandClock):
    hello = known(HELLO, maxConnectionAge="10m")
    edge.busy(HELLO, 1)
    clock.time = 1598.0
    await activity.look(hello, awake())
    assert hello.idleness.since is None
    clock.time = 1601.0
    await activity.look(hello, awake())
    assert hello.idleness.since == 1601.0


async def test_a_drain_asks_waits_the_quiet_moment_and_asks_once_more(activity: Activity, edge: CountingEdge, clock: HandClock):
    hello = known()
    pause = await activity.drain(hello, 2)
    assert pause == pytest.approx(1000.0 + QUIET_MOMENT)
    assert await activity.drain(hello, 2) == pause
    assert edge.looks == 1
    clock.time = 1000.2
    assert await activity.drain(hello, 2) is None
    assert hello.draining is not None
    assert (hello.draining.quiet, edge.looks) == (True, 2)


async def test_another_epoch_is_another_drain(activity: Activity, edge: CountingEdge, clock: HandClock):
    hello = known()
    await activity.drain(hello, 2)
    clock.time = 1000.2
    pause = await activity.drain(hello, 3)
    assert pause == pytest.approx(1000.2 + QUIET_MOMENT)
    assert hello.draining is not None
    assert (hello.draining.epoch, hello.draining.quiet) == (3, False)


async def test_an_edge_that_does_not_answer_is_asked_again_and_proves_nothing(activity: Activity, edge: CountingEdge, clock: HandClock):
    hello = known()
    edge.available = False
    assert await activity.drain(hello, 2) == pytest.approx(1000.0 + RETRY)
    assert hello.draining is not None
    assert hello.draining.answered_at is None
    assert await activity.in_flight(hello) == 0


async def test_what_is_in_flight_is_counted_for_the_pace_of_grants(activity: Activity, edge: CountingEdge):
    edge.busy(HELLO, 7)
    assert await activity.in_flight(known()) == 7
