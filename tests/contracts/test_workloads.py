"""What every Workloads promises."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.adapters.process.apps import service
from tests.kubernetes.conftest import api, namespace
from tests.kubernetes.playing_controllers import Controllers
from wakedock_operator.adapters.kubernetes.client import Api, connect
from wakedock_operator.adapters.kubernetes.workloads.workloads import KubernetesWorkloads
from wakedock_operator.adapters.process import ProcessWorkloads
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import Failure, FailureReason
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.ports.fakes.workloads import FakeWorkloads
from wakedock_operator.ports.workloads import VersionMoved, Workloads
from wakedock_operator.resource import Key, WakeService

__all__ = ["api", "namespace"]  # fixtures

HELLO = Key("default", "hello")
UID = "uid-1"


class Stage:
    """A backend, and what happens in it. `until` waits on the port's own watch."""

    hello = HELLO

    def __init__(self, workloads: Workloads) -> None:
        self.workloads = workloads

    def app(self, **spec: Any) -> WakeService:
        return service("hello", **spec)

    async def ensure(self, wanted: WakeService) -> None:
        await self.workloads.ensure(wanted, UID)

    async def stop(self) -> None:
        """Stop it on what is seen now."""
        await self.workloads.stop(self.hello, (await self.workloads.observe(self.hello)).version)

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


class ClusterStage(Stage):
    """Deployments in an API server; the controllers act when the test comes to where it needs them."""

    def __init__(self, client: Api, key: Key, port: int) -> None:
        self.hello, self._port = key, port
        self._entries: dict[Key, Entry] = {}
        self.cluster = KubernetesWorkloads(client, self._entries.get)
        self._controllers = Controllers(client, key)
        super().__init__(self.cluster)

    def app(self, **spec: Any) -> WakeService:
        metadata = {"name": self.hello.name, "namespace": self.hello.namespace}
        app = {"image": "hello:1"} | spec.pop("app", {})
        wanted = WakeService.from_document({"metadata": metadata, "spec": {"port": self._port, "app": app} | spec})
        self._entries[self.hello] = Entry(wanted, UID, 1, 1, "test")
        return wanted

    async def ensure(self, wanted: WakeService) -> None:
        await super().ensure(wanted)
        await self._controllers.act()

    async def stop(self) -> None:
        await super().stop()
        await self._controllers.act()

    async def until_live(self, key: Key) -> str:
        await self._controllers.end()
        await self._controllers.act()
        (live,) = (await self.workloads.observe(key)).live
        return live.id

    async def until_gone(self, key: Key) -> None:
        await self._controllers.end()


not_on_kubernetes = pytest.mark.parametrize("stage", ["fake", "process"], indirect=True)
"""For what the controllers of Kubernetes do instead; each test says what that is."""


@asynccontextmanager
async def on_kubernetes(kubeconfig: Path, namespace: str) -> AsyncIterator[ClusterStage]:
    async def hello(_: web.Request) -> web.Response:
        return web.Response()

    answering = web.Application()
    answering.router.add_get("/", hello)
    client = await connect(kubeconfig=kubeconfig)
    async with TestServer(answering) as server:
        stage = ClusterStage(client, Key(namespace, "hello"), server.port or 0)
        yield stage
        stage.cluster.close()
    await client.close()


@pytest.fixture(params=["fake", "process", pytest.param("kubernetes", marks=pytest.mark.kubernetes)])
async def stage(request: pytest.FixtureRequest, runtime_dir: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    if request.param == "fake":
        yield FakeStage()
        return
    if request.param == "kubernetes":
        async with on_kubernetes(request.getfixturevalue("api"), request.getfixturevalue("namespace")) as cluster:
            yield cluster
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
    await stage.ensure(stage.app(**spec))
    await stage.workloads.start(stage.hello)
    return await stage.until_live(stage.hello)


def shape(observation: Observation) -> tuple[int, bool, int, bool]:
    return observation.desired, observation.settled, len(observation.live), observation.terminating


async def test_an_unknown_workload_cannot_be_observed(stage: Stage, workloads: Workloads):
    with pytest.raises(KeyError):
        await workloads.observe(stage.hello)
    assert workloads.keys() == frozenset()


async def test_a_workload_is_made_at_scale_zero(stage: Stage, workloads: Workloads):
    await stage.ensure(stage.app())
    assert shape(await workloads.observe(stage.hello)) == (0, True, 0, False)
    assert workloads.keys() == {stage.hello}


async def test_from_start_to_gone(stage: Stage, workloads: Workloads):
    instance = await started(stage)
    observation = await workloads.observe(stage.hello)
    assert shape(observation) == (1, True, 1, False)
    assert not observation.live[0].ready

    await stage.until_ready(stage.hello, instance)
    assert (await workloads.observe(stage.hello)).live[0].ready
    assert (await workloads.observe(stage.hello)).live[0].address.startswith("127.0.0.1:")

    await stage.stop()
    observation = await workloads.observe(stage.hello)
    assert shape(observation) == (0, True, 0, True)
    assert [each.id for each in observation.instances] == [instance]
    assert not (await workloads.probe(stage.hello, instance)).ready

    await stage.until_gone(stage.hello)
    observation = await workloads.observe(stage.hello)
    assert shape(observation) == (0, True, 0, False)
    assert observation.failure is None


async def test_starting_what_runs_changes_nothing(stage: Stage, workloads: Workloads):
    await started(stage)
    before = await workloads.observe(stage.hello)
    await workloads.start(stage.hello)
    assert await workloads.observe(stage.hello) == before


async def test_ensuring_an_unchanged_definition_changes_nothing(stage: Stage, workloads: Workloads):
    await started(stage)
    before = await workloads.observe(stage.hello)
    await stage.ensure(stage.app())
    assert await workloads.observe(stage.hello) == before


@not_on_kubernetes
async def test_a_changed_definition_makes_what_runs_outdated(stage: Stage, workloads: Workloads):
    """A Deployment rolls its pods out by itself."""
    await started(stage)
    await stage.ensure(stage.app(app={"env": [{"name": "COLOUR", "value": "blue"}]}))
    assert (await workloads.observe(stage.hello)).outdated
    assert (await workloads.observe(stage.hello)).desired == 1


async def test_a_start_moves_the_version_so_that_an_older_stop_fails(stage: Stage, workloads: Workloads):
    await stage.ensure(stage.app())
    decided_on = (await workloads.observe(stage.hello)).version
    await workloads.start(stage.hello)
    await stage.until_live(stage.hello)
    with pytest.raises(VersionMoved):
        await workloads.stop(stage.hello, decided_on)
    assert shape(await workloads.observe(stage.hello)) == (1, True, 1, False)


async def test_a_fence_makes_an_older_stop_fail_and_keeps_the_scale(stage: Stage, workloads: Workloads):
    await started(stage)
    before = await workloads.observe(stage.hello)
    await workloads.fence(stage.hello)
    with pytest.raises(VersionMoved):
        await workloads.stop(stage.hello, before.version)
    after = await workloads.observe(stage.hello)
    assert after.version != before.version
    assert (after.desired, after.settled, after.instances) == (before.desired, before.settled, before.instances)


async def test_a_stop_moves_the_version(stage: Stage, workloads: Workloads):
    await started(stage)
    version = (await workloads.observe(stage.hello)).version
    await workloads.stop(stage.hello, version)
    with pytest.raises(VersionMoved):
        await workloads.stop(stage.hello, version)


async def test_a_start_while_the_old_instance_terminates_waits_until_it_is_gone(stage: Stage, workloads: Workloads):
    old = await started(stage)
    await stage.stop()
    await workloads.start(stage.hello)
    observation = await workloads.observe(stage.hello)
    assert shape(observation) == (1, False, 0, True)
    assert [each.id for each in observation.instances] == [old]
    new = await stage.until_live(stage.hello)
    assert new != old
    assert [each.id for each in (await workloads.observe(stage.hello)).instances] == [new]


async def test_a_stop_takes_back_a_start_that_waits(stage: Stage, workloads: Workloads):
    await started(stage)
    await stage.stop()
    await workloads.start(stage.hello)
    await stage.stop()
    await stage.until_gone(stage.hello)
    assert shape(await workloads.observe(stage.hello)) == (0, True, 0, False)


@not_on_kubernetes
async def test_a_crash_leaves_nothing_desired_and_a_cause(stage: Stage, workloads: Workloads):
    """What crashes is started again by kubelet: it stays desired."""
    instance = await started(stage)
    await stage.crash(stage.hello, instance)
    observation = await workloads.observe(stage.hello)
    assert shape(observation) == (0, True, 0, False)
    assert observation.failure is not None
    assert (observation.failure.id, observation.failure.reason) == (instance, FailureReason.EXITED)


@not_on_kubernetes
async def test_the_cause_of_a_crash_is_gone_once_a_newer_start_is_asked(stage: Stage, workloads: Workloads):
    """As above."""
    instance = await started(stage)
    await stage.crash(stage.hello, instance)
    await workloads.start(stage.hello)
    await stage.until_live(stage.hello)
    assert (await workloads.observe(stage.hello)).failure is None


@not_on_kubernetes
async def test_an_impossible_start_does_not_raise_but_shows_its_cause(stage: Stage, workloads: Workloads):
    """Whether a program is there shows in the pod, once it is desired."""
    await stage.ensure(stage.make_start_fail())
    await workloads.start(stage.hello)
    observation = await workloads.observe(stage.hello)
    assert shape(observation) == (0, True, 0, False)
    assert observation.failure is not None
    assert observation.failure.reason is FailureReason.COMMAND_NOT_FOUND
    assert "/no/such/program" in observation.failure.message


async def test_an_instance_that_never_was_is_not_ready(stage: Stage, workloads: Workloads):
    await started(stage)
    assert not (await workloads.probe(stage.hello, "nobody")).ready


@not_on_kubernetes
async def test_a_paused_instance_is_gone_at_once_and_comes_back_as_another(stage: Stage, workloads: Workloads):
    """There is no `Pause` on Kubernetes: every stop is to zero."""
    old = await started(stage, sleep={"mode": "Pause"})
    await stage.stop()
    assert (await workloads.observe(stage.hello)).instances == ()
    assert (await workloads.observe(stage.hello)).desired == 0
    await workloads.start(stage.hello)
    new = await stage.until_live(stage.hello)
    assert new != old


async def test_a_removed_workload_is_unknown(stage: Stage, workloads: Workloads):
    await started(stage)
    await stage.stop()
    await stage.until_gone(stage.hello)
    await workloads.remove(stage.hello, UID)
    assert workloads.keys() == frozenset()


async def test_removing_another_uid_does_nothing(stage: Stage, workloads: Workloads):
    await stage.ensure(stage.app())
    await workloads.remove(stage.hello, "uid-0")
    assert workloads.keys() == {stage.hello}


async def test_a_watch_tells_every_reader_of_each_change(stage: Stage, workloads: Workloads):
    await stage.ensure(stage.app())
    watches = [workloads.watch(), workloads.watch()]
    for ask in (workloads.start, workloads.fence):
        told = [asyncio.ensure_future(anext(watch)) for watch in watches]
        await asyncio.sleep(0)
        await ask(stage.hello)
        await stage.until_live(stage.hello)
        assert [await each for each in told] == [stage.hello, stage.hello]


@not_on_kubernetes
async def test_ensuring_an_unchanged_definition_wakes_nobody(stage: Stage, workloads: Workloads):
    """What was made is announced by the watches of its kinds, and not by who made it."""
    await stage.ensure(stage.app())
    watch = workloads.watch()
    assert await anext(watch) == stage.hello
    await stage.ensure(stage.app())
    await workloads.ensure(service("other"), UID)
    assert await anext(watch) == Key("default", "other")


async def test_an_app_that_was_not_given_a_question_does_not_veto(stage: Stage, workloads: Workloads):
    await started(stage)
    assert not (await workloads.ask_veto(stage.hello)).vetoed
