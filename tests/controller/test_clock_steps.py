import asyncio
from datetime import timedelta

from tests.machine import HELLO, Machine, in_fake_time, service
from wakedock_operator.core.status import Serving, WakeReason
from wakedock_operator.ports.fakes.clock import MONDAY_NOON

pytestmark = in_fake_time

AFTERNOON = {"from": "15:00", "to": "18:00", "state": "Awake"}
HOUR = timedelta(hours=1)


async def test_a_clock_that_is_set_into_a_window_wakes_within_seconds(machine: Machine):
    await machine.start(service(schedule=[AFTERNOON]))
    machine.clock.step(4 * HOUR)
    await machine.until(Serving.AWAKE, within=6)
    assert machine.status().woken_by is WakeReason.SCHEDULE


async def test_a_clock_that_is_set_back_does_not_wake_before_the_window(machine: Machine):
    await machine.start(service(schedule=[AFTERNOON]))
    machine.clock.step(-HOUR)
    await asyncio.sleep(3 * 3600 + 60)
    assert machine.serving() is Serving.ASLEEP
    await machine.until(Serving.AWAKE, within=3600)
    assert machine.now - (MONDAY_NOON + 3 * HOUR) < timedelta(seconds=1)


async def test_a_clock_that_is_set_beyond_a_pin_ends_it(machine: Machine):
    await machine.start(service())
    await machine.catalog.ask(HELLO, keep_awake_until=MONDAY_NOON + 8 * HOUR)
    await machine.until(Serving.AWAKE)
    await asyncio.sleep(3600)
    assert machine.serving() is Serving.AWAKE
    machine.clock.step(8 * HOUR)
    await machine.until(Serving.ASLEEP, within=6)


async def test_a_clock_that_drifts_is_followed(machine: Machine):
    await machine.start(service(schedule=[AFTERNOON]))
    for _ in range(60):
        machine.clock.step(timedelta(seconds=0.5))
        await asyncio.sleep(60)
    await machine.until(Serving.AWAKE, within=3 * 3600)
    assert machine.now - (MONDAY_NOON + 3 * HOUR) < timedelta(seconds=2)


async def test_a_clock_that_goes_right_causes_no_work(machine: Machine):
    await machine.start(service(schedule=[AFTERNOON]))
    with machine.counted() as work:
        await asyncio.sleep(2 * 3600)
        machine.clock.step(timedelta(seconds=0.9))
        await asyncio.sleep(60)
    assert (work.writes, work.observations, work.looks) == (0, 0, 0)
