"""A crash is the failure of the instance that crashed, not of the start that comes after it."""

from tests.machine import DB, SHOP, Machine, in_fake_time, service
from wakedock_operator.activator.questions import Granted
from wakedock_operator.core.status import Serving
from wakedock_operator.ports.journal import EventKind

pytestmark = in_fake_time


async def test_a_request_is_held_although_the_app_crashed_before_it_went_to_sleep(machine: Machine):
    await machine.start(service(DB), service(SHOP, dependsOn=[{"name": "db"}]))
    machine.workloads.crash(SHOP, await machine.woken(SHOP))
    await machine.asleep(SHOP)
    await machine.asleep(DB)
    await machine.kill("gateway")
    machine.start_gateway()
    machine.workloads.prompt = False
    client = machine.ask(SHOP)
    await machine.settle()
    machine.workloads.prompt = True
    machine.workloads.answer(DB, machine.workloads.appear(DB))
    assert await client == Granted()
    await machine.until(Serving.AWAKE, SHOP)
    assert machine.events(EventKind.WAKE_FAILED, SHOP) == []
