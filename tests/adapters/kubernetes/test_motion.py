"""When a workload that moves is looked at again, in the time of the loop."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from wakedock_operator.adapters.kubernetes.workloads.motion import FIRST, SLOWEST, USUAL, Motion
from wakedock_operator.resource import Key

pytestmark = pytest.mark.looptime(start=1000, noop_cycles=0)

SHOP, WIKI = Key("team", "shop"), Key("team", "wiki")


class Looking:
    """Finds `shop` in motion at each look, and somebody tells (`told`) of what happens in between or not."""

    def __init__(self, *, told: bool = False) -> None:
        self.told = told
        self.looks: list[float] = []
        self.motion = Motion(self.look)

    def look(self, key: Key) -> None:
        assert key == SHOP
        self.looks.append(asyncio.get_running_loop().time())
        self.motion.moves(SHOP, told=self.told)

    async def pauses(self, seconds: float) -> list[float]:
        self.look(SHOP)
        await asyncio.sleep(seconds)
        self.motion.close()
        return [later - earlier for earlier, later in pairwise(self.looks)]


@pytest.fixture
async def unheard() -> AsyncIterator[Motion]:
    """Nobody looks because of what it announces."""
    motion = Motion(lambda _: None)
    yield motion
    motion.close()


async def test_looks_are_frequent_at_first_and_rare_at_what_does_not_stand_for_long():
    pauses = await Looking().pauses(3600)
    assert pauses[0] == pytest.approx(FIRST)
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(pauses))
    assert sum(pause == pytest.approx(USUAL) for pause in pauses) > 100
    assert pauses[-1] == pytest.approx(SLOWEST)


async def test_where_somebody_tells_of_what_happens_looks_are_a_second_apart_from_the_beginning():
    assert await Looking(told=True).pauses(60.5) == pytest.approx([USUAL] * 60)


async def test_what_stands_is_not_looked_at_and_moves_anew_afterwards():
    looking = Looking()
    looking.look(SHOP)
    await asyncio.sleep(100)
    looking.motion.stands(SHOP)
    assert looking.motion.elapsed(SHOP) == 0
    looked = len(looking.looks)
    await asyncio.sleep(100)
    assert len(looking.looks) == looked
    assert (await looking.pauses(10))[looked] == pytest.approx(FIRST)


async def test_what_nobody_has_looked_at_for_long_moves_anew(unheard: Motion):
    for _ in range(300):
        unheard.moves(SHOP)
        await asyncio.sleep(1)
    assert unheard.elapsed(SHOP) == pytest.approx(300)
    await asyncio.sleep(3600)
    assert unheard.elapsed(SHOP) == 0
    unheard.moves(SHOP)
    await asyncio.sleep(1)
    assert unheard.elapsed(SHOP) == pytest.approx(1)


async def test_what_is_to_be_announced_once_is_announced_once():
    announced: list[Key] = []
    motion = Motion(announced.append)
    motion.again(WIKI, 0.5)
    await asyncio.sleep(10)
    assert announced == [WIKI]
    motion.close()
