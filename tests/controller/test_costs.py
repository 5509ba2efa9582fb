import asyncio

from tests.machine import HELLO, IDLE_TIMEOUT, SHOP, Machine, in_fake_time, service
from wakedock_operator.activator.questions import Granted
from wakedock_operator.core.status import Serving
from wakedock_operator.resource import Key

pytestmark = in_fake_time


async def test_a_cycle_of_sleeping_and_waking_is_a_handful_of_writes(machine: Machine):
    await machine.start(service())
    with machine.counted() as work:
        await machine.woken()
    assert work.writes == 2, "Busy, Awake"
    with machine.counted() as work:
        await machine.asleep()
    assert work.writes == 4, "Idle, Draining, Drained, Asleep"


async def test_a_service_that_stays_asleep_costs_nothing(machine: Machine):
    await machine.start(service())
    with machine.counted() as work:
        await asyncio.sleep(24 * 3600)
    assert (work.writes, work.observations, work.looks, work.switches) == (0, 0, 0, 0)


async def test_a_service_that_stays_idle_writes_nothing(machine: Machine):
    await machine.start(service(sleep={"mode": "Never"}))
    await machine.woken()
    await asyncio.sleep(2 * IDLE_TIMEOUT)
    with machine.counted() as work:
        await asyncio.sleep(3600)
    assert (work.writes, work.observations, work.switches) == (0, 0, 0)


async def test_a_service_that_stays_busy_writes_nothing(machine: Machine):
    await machine.start(service())
    await machine.woken()
    machine.edge.busy(HELLO, 1)
    with machine.counted() as work:
        for _ in range(60):
            machine.request()
            await asyncio.sleep(60)
    assert (work.writes, work.observations, work.switches) == (0, 0, 0)


async def test_a_thousand_requests_to_an_awake_service_write_nothing(machine: Machine):
    await machine.start(service())
    await machine.woken()
    with machine.counted() as work:
        for _ in range(1000):
            machine.request()
            await asyncio.sleep(0.1)
    assert work.writes == 0


async def test_a_write_of_ones_own_is_looked_at_once(machine: Machine):
    await machine.start(service())
    await machine.settle()
    with machine.counted() as work:
        await machine.catalog.ask(HELLO, sleep="now")
        await machine.settle()
    assert (work.writes, work.observations) == (1, 2), "the wish is noted, and nothing is left to do"


async def test_conditions_are_written_only_when_they_change(machine: Machine):
    await machine.start(service())
    await machine.woken()
    with machine.counted() as work:
        for _ in range(20):
            machine.controller.edge_changed()
            await asyncio.sleep(1)
    assert work.writes == 0
    machine.routes.refusing[HELLO] = "Caddy refused it"
    with machine.counted() as work:
        for _ in range(20):
            machine.controller.edge_changed()
            await asyncio.sleep(1)
    assert work.writes == 1
    told = [machine.condition(each) for each in ("Routed", "Ready")]
    assert [(each.status, each.reason, each.message) for each in told] == [
        ("False", "Rejected", "Caddy refused it"),
        ("False", "NotRouted", "Caddy refused it"),
    ]


async def test_a_condition_keeps_its_date_until_its_status_changes(machine: Machine):
    await machine.start(service())
    since = machine.condition("Accepted").since
    await asyncio.sleep(100)
    await machine.woken()
    assert machine.condition("Accepted").since == since
    assert machine.condition("Awake").since != since


async def test_an_unchanged_snapshot_causes_no_look(machine: Machine):
    await machine.start(service(), service(SHOP))
    with machine.counted() as work:
        machine.catalog.define(service())
        await machine.settle()
    assert work.observations == 0


async def test_a_change_of_one_service_looks_at_that_one_and_those_it_belongs_with(machine: Machine):
    others = [service(Key("default", f"app-{n}")) for n in range(50)]
    await machine.start(service(), service(SHOP, dependsOn=["hello"]), *others)
    machine.workloads.observed.clear()
    await machine.woken()
    assert set(machine.workloads.observed) == {HELLO, SHOP}


async def test_an_exception_in_one_services_work_does_not_touch_others_and_is_tried_again(machine: Machine):
    machine.workloads.broken[HELLO] = OSError("the backend fell over")
    await machine.start(service(), service(SHOP))
    assert await machine.ask(SHOP) == Granted()
    await machine.until(Serving.AWAKE, SHOP)
    assert machine.board.view(HELLO) is None
    await asyncio.sleep(30)
    assert machine.workloads.observed.count(HELLO) < 10
    machine.workloads.broken.clear()
    await machine.until(lambda: machine.board.view(HELLO) is not None, within=61)
    assert await machine.ask() == Granted()


async def test_a_board_that_cannot_be_written_is_tried_again(machine: Machine):
    await machine.start(service())
    full = True

    def refuse(key: Key, new: object) -> None:
        if full:
            raise OSError(28, "No space left on device")

    machine.board.before_swap = refuse
    assert await machine.ask() == Granted()
    await asyncio.sleep(10)
    assert machine.serving() is Serving.ASLEEP
    assert machine.edge.steering(HELLO) == "127.0.0.1:20001"
    full = False
    await machine.until(Serving.AWAKE)
    assert machine.workloads.did("stop") == 0
