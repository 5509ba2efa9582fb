import asyncio
from datetime import UTC, datetime

import pytest

from tests.machine import HELLO
from wakedock_operator.activator.holds import GROW_AFTER, PACE, SMALLEST_WINDOW, WINDOW, Holds
from wakedock_operator.activator.questions import Granted, Question, Refusal, RefusalReason
from wakedock_operator.core.status import Asker

Client = asyncio.Task[Granted | Refusal]
ASKER = Asker(datetime(2026, 3, 2, tzinfo=UTC))


@pytest.fixture
def holds() -> Holds:
    return Holds()


async def come(holds: Holds, number: int, *, at: float = 0.0) -> list[Client]:
    clients = [asyncio.create_task(holds.park(Question(HELLO, f"request-{n}", 0.0, ASKER), at + n)) for n in range(number)]
    await asyncio.sleep(0)
    return clients


async def answered(clients: list[Client]) -> int:
    """How many have their answer; lets them take it."""
    await asyncio.sleep(0)
    return sum(client.done() for client in clients)


async def test_nobody_waits_at_first(holds: Holds):
    assert (len(holds), holds.oldest, holds.first) == (0, None, None)
    assert holds.release(1.0, in_flight=0) is None
    assert holds.refuse(Refusal(RefusalReason.REMOVED)) == 0


async def test_those_who_came_first_are_granted_first(holds: Holds):
    clients = await come(holds, WINDOW + 2)
    assert holds.oldest == 0.0
    assert holds.release(5.0, in_flight=0) == 5.0 + PACE
    assert await answered(clients) == WINDOW
    assert all(client.result() == Granted() for client in clients[:WINDOW])
    assert (len(holds), holds.oldest) == (2, WINDOW)
    assert holds.first is not None
    assert holds.first.request_id == f"request-{WINDOW}"
    assert holds.release(5.0 + PACE, in_flight=0) is None
    assert await answered(clients) == WINDOW + 2


async def test_no_more_than_the_window_are_in_flight_while_some_wait(holds: Holds):
    clients = await come(holds, 100)
    holds.release(5.0, in_flight=WINDOW - 3)
    assert await answered(clients) == 3
    holds.release(5.1, in_flight=WINDOW + 5)
    assert await answered(clients) == 3
    await drop(clients)


async def go_on(holds: Holds, clients: list[Client], begin: float, seconds: float, *, in_flight: int) -> int:
    """Grant at the pace of a gateway, to an app that takes what it gets and answers none of it; returns how many got a grant."""
    before = await answered(clients)
    for turn in range(round(seconds / PACE)):
        holds.release(begin + turn * PACE, in_flight=in_flight + await answered(clients) - before)
    return await answered(clients) - before


async def test_the_window_doubles_while_nothing_comes_back(holds: Holds):
    clients = await come(holds, 200)
    assert await go_on(holds, clients, 5.0, GROW_AFTER - 2 * PACE, in_flight=0) == WINDOW
    assert await go_on(holds, clients, 5.0 + GROW_AFTER, GROW_AFTER - 2 * PACE, in_flight=WINDOW) == WINDOW
    assert await go_on(holds, clients, 5.0 + 2 * GROW_AFTER + PACE, GROW_AFTER - 2 * PACE, in_flight=2 * WINDOW) == 2 * WINDOW
    await drop(clients)


async def test_the_window_halves_when_something_comes_back_but_not_below_a_few(holds: Holds):
    clients = await come(holds, 200)
    granted = []
    for turn in range(5):
        before = await answered(clients)
        holds.release(5.0 + turn * PACE, in_flight=0)
        holds.overran()
        granted.append(await answered(clients) - before)
    assert granted == [WINDOW, WINDOW // 2, SMALLEST_WINDOW, SMALLEST_WINDOW, SMALLEST_WINDOW]
    assert await go_on(holds, clients, 5.2, GROW_AFTER - 2 * PACE, in_flight=0) == SMALLEST_WINDOW
    assert await go_on(holds, clients, 5.2 + GROW_AFTER, GROW_AFTER - 2 * PACE, in_flight=SMALLEST_WINDOW) == SMALLEST_WINDOW
    await drop(clients)


async def test_what_was_granted_a_moment_ago_counts_although_the_edge_does_not_see_it_yet(holds: Holds):
    clients = await come(holds, 100)
    for _ in range(5):
        assert holds.release(5.0, in_flight=0) == 5.0 + PACE
    assert await answered(clients) == WINDOW
    holds.release(5.0 + 2 * PACE, in_flight=0)
    assert await answered(clients) == 2 * WINDOW
    await drop(clients)


async def test_a_grant_long_after_the_last_one_begins_anew(holds: Holds):
    clients = await come(holds, 100)
    holds.release(5.0, in_flight=0)
    holds.overran()
    before = await answered(clients)
    holds.release(60.0, in_flight=0)
    assert await answered(clients) - before == WINDOW
    await drop(clients)


async def test_a_client_that_leaves_frees_its_place_and_costs_no_grant(holds: Holds):
    clients = await come(holds, WINDOW + 1)
    await drop(clients[:1])
    assert (len(holds), holds.oldest) == (WINDOW, 1.0)
    assert holds.release(5.0, in_flight=0) is None
    assert await answered(clients) == WINDOW + 1


async def test_a_client_that_leaves_while_it_is_answered_costs_no_grant(holds: Holds):
    clients = await come(holds, WINDOW + 1)
    clients[0].cancel()
    holds.release(5.0, in_flight=0)
    await asyncio.sleep(0)
    assert clients[0].cancelled()
    assert await answered(clients) == WINDOW + 1


async def test_everybody_is_refused_at_once(holds: Holds):
    clients = await come(holds, 100)
    refusal = Refusal(RefusalReason.SUSPENDED)
    assert holds.refuse(refusal) == 100
    assert await asyncio.gather(*clients) == [refusal] * 100
    assert len(holds) == 0


async def drop(clients: list[Client]) -> None:
    for client in clients:
        client.cancel()
    await asyncio.wait(clients)


async def test_a_request_has_waited_since_it_came_first_whichever_process_held_it_then(holds: Holds):
    client = asyncio.create_task(holds.park(Question(HELLO, "request", 3.0, ASKER), 10.0))
    await asyncio.sleep(0)
    assert holds.oldest == 7.0
    client.cancel()
