"""What a definition asks for is made, and made again where somebody undoes it."""

import asyncio

import pytest

from tests.machine import HELLO, SHOP, Machine, in_fake_time, service
from wakedock_operator.controller.loop import MADE_FOR_GOOD, MAKE_AGAIN
from wakedock_operator.core.conditions import ConditionType
from wakedock_operator.core.status import Serving

pytestmark = in_fake_time

TAKEN = "spec.service.name: there is a Service 'hello' already"


async def made_after(machine: Machine) -> float:
    """Seconds until the next time that it is made."""
    count, before = len(machine.workloads.made), machine.clock.monotonic()
    await machine.until(lambda: len(machine.workloads.made) > count)
    return machine.clock.monotonic() - before


async def test_what_is_undone_is_made_again_at_once_and_then_ever_more_seldom(machine: Machine):
    await machine.start(service())
    waits = []
    for _ in range(9):
        machine.workloads.undo(HELLO)
        waits.append(await made_after(machine))
    assert waits == pytest.approx([0, 1, 2, 4, 8, 16, MAKE_AGAIN, MAKE_AGAIN, MAKE_AGAIN], abs=0.5)


async def test_what_stood_for_a_while_is_made_again_at_once(machine: Machine):
    await machine.start(service())
    for _ in range(4):
        machine.workloads.undo(HELLO)
        await made_after(machine)
    await asyncio.sleep(MADE_FOR_GOOD + 1)
    machine.workloads.undo(HELLO)
    assert await made_after(machine) < 1


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


async def test_the_next_in_line_for_a_host_says_so_as_soon_as_it_has_it(machine: Machine):
    await machine.start(service())
    machine.catalog.define(service(SHOP, hosts=["hello.localhost"]))
    await machine.settle()
    assert machine.condition("Routed", SHOP).reason == "HostTaken"
    machine.catalog.end(HELLO)
    await machine.settle()
    assert machine.condition("Routed", SHOP).status == "True"
