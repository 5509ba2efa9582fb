"""What every Workloads promises."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.process.apps import service
from wakedock_operator.adapters.process import ProcessWorkloads
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import Failure, FailureReason
from wakedock_operator.ports.fakes.workloads import FakeWorkloads
from wakedock_operator.ports.workloads import VersionMoved, Workloads
from wakedock_operator.resource import Key, WakeService

HELLO = Key("default", "hello")
UID = "uid-1"


class Stage:
    """A backend, and what happens in it. `until` waits on the port's own watch."""

    def __init__(self, workloads: Workloads) -> None:
        self.workloads = workloads

    def app(self, **spec: Any) -> WakeService:
        return service("hello", **spec)

    async def until_live(self, key: Key) -> str:
        async for _ in self.workloads.watch():
            observation = await self.workloads.observe(key)
            if observation.live and observation.settled:
                return observation.live[0].id
        raise AssertionError

    async def until_gone(self, key: Key) -> None:
        async for _ in self.workloads.watch():
            if not (await self.workloads.observe(key)).instances:
                return

    async def until_ready(self, key: Key, instance: str) -> None:
        while not (await self.workloads.probe(key, instance)).ready:
            assert (await self.workloads.observe(key)).live

    async def crash(self, key: Key, instance: str) -> None:
        os.kill(int(instance.split("-", maxsplit=1)[0]), signal.SIGKILL)
        await self.until_gone(key)

    def make_start_fail(self) -> WakeService:
        return service("hello", command=["/no/such/program"])


class FakeStage(Stage):
    def __init__(self) -> None:
        self.fake = FakeWorkloads()
        super().__init__(self.fake)

    async def until_live(self, key: Key) -> str:
        for each in (await self.fake.observe(key)).instances:
            if each.terminating:
                self.fake.vanish(key, each.id)
        if not (await self.fake.observe(key)).instances:
            self.fake.appear(key)
        return await super().until_live(key)

    async def until_gone(self, key: Key) -> None:
        for each in (await self.fake.observe(key)).instances:
            self.fake.vanish(key, each.id)
        await super().until_gone(key)

    async def until_ready(self, key: Key, instance: str) -> None:
        self.fake.answer(key, instance)
        await super().until_ready(key, instance)

    async def crash(self, key: Key, instance: str) -> None:
        self.fake.crash(key, instance)

    def make_start_fail(self) -> WakeService:
        self.fake.refused_starts[HELLO] = Failure("attempt", FailureReason.COMMAND_NOT_FOUND, "/no/such/program does not exist")
        return super().make_start_fail()


@pytest.fixture(params=["fake", "process"])
async def stage(request: pytest.FixtureRequest, runtime_dir: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    if request.param == "fake":
        yield FakeStage()
        return
    workloads = await ProcessWorkloads.open(runtime=runtime_dir, data=tmp_path)
    stage = Stage(workloads)
    yield stage
    for key in sorted(workloads.keys()):
        await workloads.remove(key, UID)
    if workloads.keys():
        async for _ in workloads.watch():
            if not workloads.keys():
                break
    await workloads.close()


@pytest.fixture
def workloads(stage: Stage) -> Workloads:
    return stage.workloads


async def started(stage: Stage, **spec: Any) -> str:
    await stage.workloads.ensure(stage.app(**spec), UID)
    await stage.workloads.start(HELLO)
    return await stage.until_live(HELLO)


async def stopped(stage: Stage) -> None:
    await stage.workloads.stop(HELLO, (await stage.workloads.observe(HELLO)).version)


def shape(observation: Observation) -> tuple[int, bool, int, bool]:
    return observation.desired, observation.settled, len(observation.live), observation.terminating


async def test_an_unknown_workload_cannot_be_observed(workloads: Workloads):
    with pytest.raises(KeyError):
        await workloads.observe(HELLO)
    assert workloads.keys() == frozenset()


async def test_a_workload_is_made_at_scale_zero(stage: Stage, workloads: Workloads):
    await workloads.ensure(stage.app(), UID)
    assert shape(await workloads.observe(HELLO)) == (0, True, 0, False)
    assert workloads.keys() == {HELLO}


async def test_from_start_to_gone(stage: Stage, workloads: Workloads):
    instance = await started(stage)
    observation = await workloads.observe(HELLO)
    assert shape(observation) == (1, True, 1, False)
    assert not observation.live[0].ready

    await stage.until_ready(HELLO, instance)
    assert (await workloads.observe(HELLO)).live[0].ready
    assert (await workloads.observe(HELLO)).live[0].address.startswith("127.0.0.1:")

    await stopped(stage)
    observation = await workloads.observe(HELLO)
    assert shape(observation) == (0, True, 0, True)
    assert [each.id for each in observation.instances] == [instance]
    assert not (await workloads.probe(HELLO, instance)).ready

    await stage.until_gone(HELLO)
    observation = await workloads.observe(HELLO)
    assert shape(observation) == (0, True, 0, False)
    assert observation.failure is None


async def test_starting_what_runs_changes_nothing(stage: Stage, workloads: Workloads):
    await started(stage)
    before = await workloads.observe(HELLO)
    await workloads.start(HELLO)
    assert await workloads.observe(HELLO) == before


async def test_ensuring_an_unchanged_definition_changes_nothing(stage: Stage, workloads: Workloads):
    await started(stage)
    before = await workloads.observe(HELLO)
    await workloads.ensure(stage.app(), UID)
    assert await workloads.observe(HELLO) == before


async def test_a_changed_definition_makes_what_runs_outdated(stage: Stage, workloads: Workloads):
    await started(stage)
    await workloads.ensure(stage.app(app={"env": [{"name": "COLOUR", "value": "blue"}]}), UID)
    assert (await workloads.observe(HELLO)).outdated
    assert (await workloads.observe(HELLO)).desired == 1


async def test_a_start_moves_the_version_so_that_an_older_stop_fails(stage: Stage, workloads: Workloads):
    await workloads.ensure(stage.app(), UID)
    decided_on = (await workloads.observe(HELLO)).version
    await workloads.start(HELLO)
    await stage.until_live(HELLO)
    with pytest.raises(VersionMoved):
        await workloads.stop(HELLO, decided_on)
    assert shape(await workloads.observe(HELLO)) == (1, True, 1, False)


async def test_a_fence_makes_an_older_stop_fail_and_keeps_the_scale(stage: Stage, workloads: Workloads):
    await started(stage)
    before = await workloads.observe(HELLO)
    await workloads.fence(HELLO)
    with pytest.raises(VersionMoved):
        await workloads.stop(HELLO, before.version)
    after = await workloads.observe(HELLO)
    assert after.version != before.version
    assert (after.desired, after.settled, after.instances) == (before.desired, before.settled, before.instances)


async def test_a_stop_moves_the_version(stage: Stage, workloads: Workloads):
    await started(stage)
    version = (await workloads.observe(HELLO)).version
    await workloads.stop(HELLO, version)
    with pytest.raises(VersionMoved):
        await workloads.stop(HELLO, version)


async def test_a_start_while_the_old_instance_terminates_waits_until_it_is_gone(stage: Stage, workloads: Workloads):
    old = await started(stage)
    await stopped(stage)
    await workloads.start(HELLO)
    observation = await workloads.observe(HELLO)
    assert shape(observation) == (1, False, 0, True)
    assert [each.id for each in observation.instances] == [old]
    new = await stage.until_live(HELLO)
    assert new != old
    assert [each.id for each in (await workloads.observe(HELLO)).instances] == [new]


async def test_a_stop_takes_back_a_start_that_waits(stage: Stage, workloads: Workloads):
    await started(stage)
    await stopped(stage)
    await workloads.start(HELLO)
    await stopped(stage)
    await stage.until_gone(HELLO)
    assert shape(await workloads.observe(HELLO)) == (0, True, 0, False)


async def test_a_crash_leaves_nothing_desired_and_a_cause(stage: Stage, workloads: Workloads):
    instance = await started(stage)
    await stage.crash(HELLO, instance)
    observation = await workloads.observe(HELLO)
    assert shape(observation) == (0, True, 0, False)
    assert observation.failure is not None
    assert (observation.failure.id, observation.failure.reason) == (instance, FailureReason.EXITED)


async def test_the_cause_of_a_crash_is_gone_once_a_newer_start_is_asked(stage: Stage, workloads: Workloads):
    instance = await started(stage)
    await stage.crash(HELLO, instance)
    await workloads.start(HELLO)
    await stage.until_live(HELLO)
    assert (await workloads.observe(HELLO)).failure is None


async def test_an_impossible_start_does_not_raise_but_shows_its_cause(stage: Stage, workloads: Workloads):
    await workloads.ensure(stage.make_start_fail(), UID)
    await workloads.start(HELLO)
    observation = await workloads.observe(HELLO)
    assert shape(observation) == (0, True, 0, False)
    assert observation.failure is not None
    assert observation.failure.reason is FailureReason.COMMAND_NOT_FOUND
    assert "/no/such/program" in observation.failure.message


async def test_an_instance_that_never_was_is_not_ready(stage: Stage, workloads: Workloads):
    await started(stage)
    assert not (await workloads.probe(HELLO, "nobody")).ready


async def test_a_paused_instance_is_gone_at_once_and_comes_back_as_another(stage: Stage, workloads: Workloads):
    old = await started(stage, sleep={"mode": "Pause"})
    await stopped(stage)
    assert (await workloads.observe(HELLO)).instances == ()
    assert (await workloads.observe(HELLO)).desired == 0
    await workloads.start(HELLO)
    new = await stage.until_live(HELLO)
    assert new != old


async def test_a_removed_workload_is_unknown(stage: Stage, workloads: Workloads):
    await started(stage)
    await stopped(stage)
    await stage.until_gone(HELLO)
    await workloads.remove(HELLO, UID)
    assert workloads.keys() == frozenset()


async def test_removing_another_uid_does_nothing(stage: Stage, workloads: Workloads):
    await workloads.ensure(stage.app(), UID)
    await workloads.remove(HELLO, "uid-0")
    assert workloads.keys() == {HELLO}


async def test_a_watch_tells_every_reader_of_each_change(stage: Stage, workloads: Workloads):
    await workloads.ensure(stage.app(), UID)
    watches = [workloads.watch(), workloads.watch()]
    for watch in watches:
        assert await anext(watch) == HELLO
    await workloads.start(HELLO)
    await stage.until_live(HELLO)
    for watch in watches:
        assert await anext(watch) == HELLO


async def test_ensuring_an_unchanged_definition_wakes_nobody(stage: Stage, workloads: Workloads):
    await workloads.ensure(stage.app(), UID)
    watch = workloads.watch()
    assert await anext(watch) == HELLO
    await workloads.ensure(stage.app(), UID)
    await workloads.ensure(service("other"), UID)
    assert await anext(watch) == Key("default", "other")


async def test_an_app_that_was_not_given_a_question_does_not_veto(stage: Stage, workloads: Workloads):
    await started(stage)
    assert not (await workloads.ask_veto(HELLO)).vetoed
