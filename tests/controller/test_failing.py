"""A workload that was asked for and does not come up: told at once, although it may heal."""

from dataclasses import replace

import pytest

from tests.machine import HELLO, Machine, in_fake_time, service
from wakedock_operator.core.conditions import ConditionType
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import Failure, FailureReason
from wakedock_operator.resource import Key

pytestmark = in_fake_time

PULLING = Failure("pod-1", FailureReason.IMAGE_PULL, "the image cannot be pulled", healable=True)
FAILING = {"namespace": "default", "name": "hello", "cause": "ImagePull"}


@pytest.mark.parametrize("rolling", [False, True], ids=["nothing is ready", "the version before serves"])
async def test_a_cause_that_may_heal_is_in_the_conditions_and_in_the_progress_while_it_lasts(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, rolling: bool
):
    machine.workloads.prompt = False
    observe, failure = machine.workloads.observe, [PULLING]

    async def pulling(key: Key) -> Observation:
        seen = await observe(key)
        return replace(seen, failure=failure[0] if failure and seen.desired else None, rolling=rolling)

    monkeypatch.setattr(machine.workloads, "observe", pulling)
    await machine.start(service())
    client = machine.ask()
    await machine.settle()
    await machine.until(lambda: machine.desk.progress(HELLO).failure is FailureReason.IMAGE_PULL)
    ready = machine.condition(ConditionType.READY)
    assert (ready.status, ready.reason) == (("True", "Served") if rolling else ("False", "Failing"))
    assert machine.metric("failing", FAILING) == (0 if rolling else 1)
    assert not client.done()
    failure.clear()
    machine.workloads.answer(HELLO, machine.workloads.appear(HELLO))
    await client
    await machine.until(lambda: machine.condition(ConditionType.READY).reason == "Served")
    assert machine.desk.progress(HELLO).failure is None
    assert machine.metric("failing", FAILING) == 0
