import asyncio
from typing import Any

import pytest

from tests.machine import HELLO, Machine, in_fake_time, service
from wakedock_operator.activator.draining import LAST_TURN, QUIET_ANSWERS, QUIET_MOMENT, RETRY, SLOWEST_RETRY, Draining
from wakedock_operator.activator.options import GatewayOptions
from wakedock_operator.activator.questions import Granted, Refusal, RefusalReason
from wakedock_operator.core.gateway import TURN
from wakedock_operator.core.status import DrainReason, Report, ReportKind, Serving, Status, WakeReason
from wakedock_operator.resource import Key

pytestmark = in_fake_time
PATIENCE = 10.0
MOMENT = 1e-6


# The looks of one drain


def look(draining: Draining, at: float, *, in_flight: bool = False, took: float = 0.001) -> None:
    draining.after_look(in_flight=in_flight, took=took, asked_at=at, now=at + took)


def test_the_first_answer_begins_the_quiet_moment_whatever_it_says():
    draining = Draining(1)
    look(draining, 5.0, in_flight=True)
    assert (draining.quiet, draining.in_flight) == (False, False)
    assert draining.next_look == pytest.approx(5.001 + QUIET_MOMENT)


def test_one_zero_after_the_quiet_moment_is_enough():
    draining = Draining(1)
    look(draining, 5.0)
    look(draining, draining.next_look + MOMENT)
    assert (draining.quiet, draining.in_flight) == (True, False)


def test_something_in_flight_after_the_quiet_moment_is_looked_at_again():
    draining = Draining(1)
    look(draining, 5.0)
    look(draining, draining.next_look + MOMENT, in_flight=True)
    assert (draining.quiet, draining.in_flight) == (False, True)
    assert draining.next_look == pytest.approx(5.001 + QUIET_MOMENT + 0.001 + RETRY)
    look(draining, draining.next_look + MOMENT)
    assert (draining.quiet, draining.in_flight) == (True, False)


def test_looks_become_rarer_with_the_age_of_the_drain():
    draining = Draining(1)
    look(draining, 0.0, in_flight=True)
    for at, pause in ((1.0, 0.1), (5.0, 0.5), (3600.0, SLOWEST_RETRY)):
        look(draining, at, in_flight=True)
        assert draining.next_look - at == pytest.approx(pause, rel=0.02)


def test_a_slow_edge_makes_the_quiet_moment_longer():
    draining = Draining(1)
    look(draining, 5.0, took=0.2)
    assert draining.next_look == pytest.approx(5.2 + QUIET_ANSWERS * 0.2)


def test_gateways_report_one_after_the_other_and_none_waits_for_long():
    for before, longer in ((0, 0.0), (1, TURN), (3, 3 * TURN), (500, LAST_TURN)):
        draining = Draining(1, before)
        look(draining, 5.0)
        assert draining.next_look == pytest.approx(5.001 + QUIET_MOMENT + longer)
        look(draining, draining.next_look + MOMENT)
        assert draining.quiet


def test_a_look_that_turns_out_to_be_too_early_decides_nothing():
    draining = Draining(1)
    look(draining, 5.0)
    look(draining, draining.next_look + MOMENT, took=1.0)
    assert (draining.quiet, draining.in_flight) == (False, False)
    assert draining.next_look == pytest.approx(5.001 + QUIET_ANSWERS * 1.0)


# An idle drain


async def until_idle_drain(machine: Machine, **spec: Any) -> str:
    """Wake it, and let it be idle until its drain begins; returns the instance."""
    await machine.start(service(**spec))
    instance = await machine.woken()
    await machine.until(Serving.DRAINING)
    return instance


async def until_forced_drain(machine: Machine, **spec: Any) -> str:
    """Wake it, and ask for its sleep while something is in flight; returns the instance."""
    await machine.start(service(**spec))
    instance = await machine.woken()
    machine.request()
    machine.edge.busy(HELLO, 1)
    await machine.catalog.ask(HELLO, sleep="now")
    await machine.until(Serving.DRAINING)
    return instance


async def test_an_idle_app_is_steered_to_the_hold_and_sleeps_after_the_quiet_moment(machine: Machine):
    await until_idle_drain(machine)
    began = machine.time
    assert machine.edge.steering(HELLO) is None
    await machine.until(Serving.ASLEEP)
    assert machine.time - began == pytest.approx(QUIET_MOMENT, abs=0.05)
    assert machine.drained_by() is DrainReason.IDLE


async def test_a_gateway_reports_after_those_whose_names_come_first(machine: Machine):
    def another_reports(key: Key, new: Status) -> None:
        if new.serving is Serving.DRAINING:
            others.append(asyncio.create_task(machine.board.report(key, new.uid, another)))

    others: list[asyncio.Task[Status | None]] = []
    another = Report("a-gateway", ReportKind.IDLE, epoch=1)
    assert another.gateway < machine.options.name
    machine.board.before_swap = another_reports
    await until_idle_drain(machine)
    began = machine.time
    await machine.until(Serving.ASLEEP)
    assert machine.time - began == pytest.approx(QUIET_MOMENT + TURN, abs=0.02)


async def test_what_is_in_flight_ends_an_idle_drain(machine: Machine):
    machine.board.before_swap = lambda key, new: machine.edge.busy(HELLO, 1) if new.serving is Serving.DRAINING else None
    await machine.start(service())
    instance = await machine.woken()
    await machine.until(lambda: machine.status().woken_by is WakeReason.DRAIN_ENDED)
    await machine.settle()
    assert machine.serving() is Serving.AWAKE
    assert machine.edge.steering(HELLO) == "127.0.0.1:20001"
    assert machine.instance() == instance


async def test_a_request_between_the_report_of_idleness_and_the_drain_ends_the_drain(machine: Machine):
    machine.board.before_swap = lambda key, new: machine.request() if new.serving is Serving.DRAINING else None
    await machine.start(service())
    await machine.woken()
    await machine.until(lambda: machine.status().woken_by is WakeReason.DRAIN_ENDED)
    assert machine.workloads.did("stop") == 0


async def test_a_request_that_comes_while_it_drains_is_let_through_at_once_and_nobody_is_started(machine: Machine):
    instance = await until_idle_drain(machine)
    began = machine.time
    assert await machine.ask() == Granted()
    assert machine.time - began < 0.1
    await machine.until(Serving.AWAKE)
    assert machine.status().woken_by is WakeReason.DRAIN_ENDED
    assert (machine.instance(), machine.workloads.did("start"), machine.workloads.did("stop")) == (instance, 1, 0)


async def test_a_request_is_let_through_while_the_controller_is_dead_and_drained_is_not_said_any_more(machine: Machine):
    machine.board.before_swap = lambda key, new: machine.edge.busy(HELLO, 1) if new.serving is Serving.DRAINING else None
    await machine.start(service())
    await machine.woken()
    await machine.until(Serving.DRAINING)
    await machine.kill("controller")
    assert await machine.ask() == Granted()
    machine.edge.busy(HELLO, 0)
    await asyncio.sleep(5)
    assert machine.said() is ReportKind.BUSY
    machine.start_controller()
    await machine.until(Serving.AWAKE)
    assert machine.workloads.did("stop") == 0


async def test_after_drained_was_said_a_request_waits_until_the_controller_agrees(machine: Machine):
    await until_idle_drain(machine)
    await machine.kill("controller")
    await machine.until(lambda: machine.said() is ReportKind.DRAINED)
    client = machine.ask()
    assert await client == Granted()
    assert machine.said() is ReportKind.BUSY
    machine.start_controller()
    await machine.until(Serving.AWAKE)
    assert machine.workloads.did("stop") == 0


async def test_without_an_answer_from_the_edge_a_drain_does_not_end(machine: Machine):
    await machine.start(service())
    await machine.woken()
    await machine.until(Serving.DRAINING)
    machine.edge.available = False
    await asyncio.sleep(60)
    assert (machine.serving(), machine.said()) == (Serving.DRAINING, None)
    assert machine.workloads.did("stop") == 0
    machine.edge.available = True
    await machine.asleep()


async def test_a_gateway_that_restarts_in_a_drain_drains_anew(machine: Machine):
    await until_idle_drain(machine)
    await machine.kill("gateway")
    machine.start_gateway()
    await machine.asleep()
    assert machine.workloads.did("stop") == 1


# A forced drain


async def test_what_is_in_flight_is_waited_for_and_what_comes_is_held(machine: Machine):
    await until_forced_drain(machine)
    client = machine.ask()
    await asyncio.sleep(PATIENCE - 1)
    assert (machine.serving(), machine.said(), client.done()) == (Serving.DRAINING, ReportKind.IN_FLIGHT, False)
    machine.edge.busy(HELLO, 0)
    assert await client == Granted()
    assert (machine.workloads.did("stop"), machine.workloads.did("start")) == (1, 2)


async def test_a_forced_sleep_works_while_requests_keep_coming(machine: Machine):
    await machine.start(service())
    await machine.woken()
    await machine.catalog.ask(HELLO, sleep="now")
    clients = []
    for _ in range(40):
        clients.append(machine.ask())
        await asyncio.sleep(0.01)
    assert await asyncio.gather(*clients) == [Granted()] * 40
    assert (machine.workloads.did("stop"), machine.workloads.did("start")) == (1, 2)


async def test_the_stop_of_a_forced_drain_has_a_head_start_before_what_waits_wakes_the_app():
    machine = Machine(options=GatewayOptions(head_start=1.0))
    try:
        await until_forced_drain(machine)
        client = machine.ask()
        await machine.settle()
        machine.edge.busy(HELLO, 0)
        await machine.until(Serving.ASLEEP)
        began = machine.time
        await asyncio.sleep(0.9)
        assert (machine.serving(), machine.said()) == (Serving.ASLEEP, None)
        assert await client == Granted()
        assert machine.time - began == pytest.approx(1.0, abs=0.1)
        await machine.asleep()
        began = machine.time
        assert await machine.ask() == Granted(), "an idle sleep is woken at once"
        assert machine.time - began < 0.5
    finally:
        await machine.stop()


async def test_patience_ends_a_forced_drain_that_something_in_flight_holds_up(machine: Machine):
    instance = await until_forced_drain(machine)
    began = machine.time
    assert await machine.ask() == Granted()
    assert machine.time - began == pytest.approx(PATIENCE, abs=0.2)
    await machine.until(Serving.AWAKE)
    assert machine.status().woken_by is WakeReason.REQUEST
    assert (machine.instance(), machine.workloads.did("stop")) == (instance, 0)


async def test_without_held_requests_a_forced_drain_waits_for_ever(machine: Machine):
    await until_forced_drain(machine)
    with machine.counted() as work:
        await asyncio.sleep(3600)
    assert machine.serving() is Serving.DRAINING
    assert work.writes == 2, "the gateway says once that something is in flight, and the status tells people once"
    assert work.looks < 3700
    assert "still in flight at gateway local" in machine.condition("SleepBlocked").message
    machine.edge.busy(HELLO, 0)
    await machine.asleep()


async def test_a_forced_drain_of_a_suspended_app_refuses_what_comes(machine: Machine):
    await until_forced_drain(machine)
    machine.catalog.define(service(suspend=True))
    await machine.settle()
    assert await machine.ask() == Refusal(RefusalReason.SUSPENDED, retry_after=60.0)
    await asyncio.sleep(2 * PATIENCE)
    assert machine.serving() is Serving.DRAINING


# Connections that never end


async def test_a_connection_older_than_max_connection_age_does_not_keep_awake(machine: Machine):
    await machine.start(service(sleep={"maxConnectionAge": "10m"}))
    await machine.woken()
    machine.request()
    last = machine.time
    machine.edge.busy(HELLO, 1)
    await machine.until(lambda: machine.serving() is not Serving.AWAKE, within=3600)
    assert 600 + 60 <= machine.time - last <= 600 + 66 + 6
    await machine.asleep()


async def test_a_new_request_counts_until_max_connection_age_has_passed_again(machine: Machine):
    await machine.start(service(sleep={"maxConnectionAge": "10m"}))
    await machine.woken()
    machine.edge.busy(HELLO, 1)
    for _ in range(20):
        machine.request()
        await asyncio.sleep(300)
    assert machine.serving() is Serving.AWAKE
