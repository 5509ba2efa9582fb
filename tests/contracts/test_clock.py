"""What every Clock promises."""

import asyncio
from datetime import UTC, timedelta

import pytest

from wakedock_operator.adapters.clock import SystemClock
from wakedock_operator.ports.clock import Clock
from wakedock_operator.ports.fakes.clock import MONDAY_NOON, FakeClock


@pytest.fixture(params=[FakeClock, SystemClock], ids=["fake", "system"])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


async def test_the_wall_clock_is_aware_and_in_utc(clock: Clock):
    assert clock.now().tzinfo is UTC


async def test_deadlines_of_the_event_loop_are_on_the_monotonic_clock(clock: Clock):
    deadline = clock.monotonic() + 0.01
    reached: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_at(deadline, lambda: reached.set_result(clock.monotonic()))
    assert await reached >= deadline - 1e-3  # the loop's clock has a resolution


async def test_neither_clock_goes_backwards_by_itself(clock: Clock):
    looks = [(clock.monotonic(), clock.now()) for _ in range(3)]
    assert looks == sorted(looks)


@pytest.mark.looptime(start=1000)
async def test_both_fake_clocks_go_with_the_loop_and_only_the_wall_clock_steps():
    clock = FakeClock()
    assert clock.monotonic() == pytest.approx(1000)
    assert clock.now() == MONDAY_NOON
    await asyncio.sleep(90)
    clock.step(timedelta(hours=-1))
    assert clock.monotonic() == pytest.approx(1090)
    assert clock.now() == MONDAY_NOON + timedelta(seconds=90, hours=-1)
