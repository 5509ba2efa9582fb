"""The world around a gateway misbehaves."""

import asyncio
import errno
import os

import pytest

from tests.machine import DB, HELLO, SHOP, Machine, in_fake_time, service
from wakedock_operator.activator.questions import Granted
from wakedock_operator.core.status import ReportKind, Serving, WakeReason
from wakedock_operator.ports.journal import EventKind
from wakedock_operator.resource import Key

pytestmark = in_fake_time

NEW = Key("default", "new")


async def test_after_an_edge_that_did_not_answer_the_quiet_moment_begins_anew(machine: Machine):
    """What was let through before it froze goes on when it thaws: the first look after that proves nothing."""
    await machine.start(service())
    await machine.woken()
    machine.edge.took = 0.0
    await machine.catalog.ask(HELLO, sleep="now")
    await machine.until(lambda: machine.service().draining is not None)
    machine.edge.available = False
    await asyncio.sleep(5)
    machine.edge.available = True
    thawed = machine.time
    await machine.asleep()
    assert machine.time - thawed >= 0.1


async def test_a_service_that_cannot_be_steered_leaves_the_others_and_the_gateway_alone(machine: Machine):
    await machine.start(service())
    steer = machine.edge.steer

    def no_space(key: Key, address: str | None) -> None:
        if key == NEW:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        steer(key, address)

    machine.edge.steer = no_space  # type: ignore[method-assign]
    machine.catalog.define(service(NEW))
    await machine.settle()
    assert await machine.ask() == Granted()
    machine.edge.steer = steer  # type: ignore[method-assign]
    assert await machine.ask(NEW) == Granted()


async def test_a_dependant_that_is_removed_while_it_waits_takes_its_need_with_it(machine: Machine):
    machine.workloads.prompt = False
    await machine.start(service(DB), service(SHOP, dependsOn=[{"name": "db"}]))
    client = machine.ask(SHOP)
    await machine.settle()
    assert machine.service(DB).needed_by == {SHOP}
    machine.catalog.end(SHOP)
    await client
    await machine.settle()
    assert machine.service(DB).needed_by == set()


async def test_a_dependant_that_no_longer_depends_takes_its_need_back(machine: Machine):
    machine.workloads.prompt = False
    await machine.start(service(DB), service(SHOP, dependsOn=[{"name": "db"}]))
    client = machine.ask(SHOP)
    await machine.settle()
    machine.catalog.define(service(SHOP))
    await machine.settle()
    assert machine.service(DB).needed_by == set()
    await machine.leave(client)


async def test_with_the_controller_dead_a_dependant_waits_at_rest_for_a_dependency_that_was_let_through(machine: Machine):
    await machine.start(service(DB), service(SHOP, dependsOn=[{"name": "db"}]))
    await machine.woken(DB)
    await machine.until(Serving.DRAINING, DB)
    await machine.kill("controller")
    asked = machine.ask(SHOP)
    with machine.counted() as work:
        await asyncio.sleep(1)
    assert work.writes < 20
    assert await asked == Granted()


@pytest.mark.parametrize("patient", [True, False], ids=["the client asks again", "the client has left"])
async def test_a_wake_that_spans_the_death_of_the_gateway_is_told_once_by_its_successor(machine: Machine, patient: bool):
    machine.workloads.prompt = False
    await machine.start(service())
    machine.ask()
    await machine.settle()
    assert machine.said() is ReportKind.BUSY
    asked_at = machine.time
    await machine.kill("gateway")
    await asyncio.sleep(2)
    machine.start_gateway()
    if patient:
        machine.ask(age=machine.time - asked_at, path="/again")
    await machine.settle()
    machine.workloads.answer(HELLO, machine.workloads.appear(HELLO))
    await machine.until(Serving.AWAKE)
    await machine.settle()
    (woke,) = machine.events(EventKind.WOKE)
    assert (woke.reason, woke.asker is not None) == (WakeReason.REQUEST, True)
    assert woke.phases["granted"] >= (2.0 if patient else 0.0)
    assert machine.count("wakes", outcome="awake", cause="Request") == 1


async def test_one_that_failed_before_the_death_of_the_gateway_is_not_told_again(machine: Machine):
    await machine.start(service())
    await machine.woken()
    await machine.asleep()
    await machine.kill("gateway")
    machine.start_gateway()
    await asyncio.sleep(5)
    assert machine.service().attempt is None
    assert len(machine.events(EventKind.WOKE)) == 1
