from tests.machine import HELLO, SHOP, Machine, in_fake_time, service
from wakedock_operator.ports.journal import EventKind

pytestmark = in_fake_time


async def test_a_service_that_ended_while_another_source_could_not_be_read_ends_when_it_can(machine: Machine):
    await machine.start(service(), service(SHOP))
    await machine.woken()
    machine.catalog.readable(readable=False)
    machine.catalog.end(HELLO)
    await machine.settle()
    assert machine.runs()
    machine.catalog.readable(readable=True)
    await machine.until(lambda: not machine.runs(), within=5)


async def test_the_end_of_a_service_is_told_once(machine: Machine):
    await machine.start(service())
    await machine.woken()
    machine.catalog.end(HELLO)
    await machine.until(lambda: machine.board.view(HELLO) is None)
    await machine.settle()
    assert len(machine.events(EventKind.REMOVED)) == 1
