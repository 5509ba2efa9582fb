"""What a definition asks for is made, and made again where somebody undoes it."""

from tests.machine import HELLO, Machine, in_fake_time, service
from wakedock_operator.controller.loop import MAKE_AGAIN
from wakedock_operator.core.conditions import ConditionType
from wakedock_operator.core.status import Serving

pytestmark = in_fake_time

TAKEN = "spec.service.name: there is a Service 'hello' already"


async def test_what_is_undone_is_made_again_at_once_and_then_seldom(machine: Machine):
    await machine.start(service())
    assert machine.workloads.made == [HELLO]
    machine.workloads.undo(HELLO)
    await machine.settle()
    assert machine.workloads.made == [HELLO] * 2
    machine.workloads.undo(HELLO)
    await machine.settle()
    assert machine.workloads.made == [HELLO] * 2
    before = machine.clock.monotonic()
    await machine.until(lambda: len(machine.workloads.made) == 3)
    assert MAKE_AGAIN - 1 < machine.clock.monotonic() - before <= MAKE_AGAIN


async def test_it_is_made_again_while_it_is_awake_and_goes_on(machine: Machine):
    await machine.start(service())
    await machine.woken()
    machine.workloads.undo(HELLO)
    await machine.settle()
    assert machine.workloads.made == [HELLO] * 2
    assert (machine.serving(), machine.workloads.did("stop")) == (Serving.AWAKE, 0)


async def test_what_cannot_be_made_is_told_and_tried_again(machine: Machine):
    machine.workloads.unmakeable[HELLO] = TAKEN
    await machine.start(service())
    assert machine.workloads.made == [HELLO]
    accepted = machine.condition(ConditionType.ACCEPTED)
    assert (accepted.status, TAKEN in accepted.message) == ("False", True)
    machine.workloads.unmakeable.clear()
    await machine.until(lambda: len(machine.workloads.made) == 2)
    await machine.settle()
    assert machine.condition(ConditionType.ACCEPTED).status == "True"


async def test_a_corrected_definition_does_not_wait_for_that(machine: Machine):
    machine.workloads.unmakeable[HELLO] = TAKEN
    await machine.start(service())
    machine.workloads.unmakeable.clear()
    machine.catalog.define(service(port=8081))
    await machine.settle()
    assert machine.workloads.made == [HELLO] * 2
    assert machine.condition(ConditionType.ACCEPTED).status == "True"
