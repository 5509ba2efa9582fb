"""Forced sleeps of what others depend on: by example, and at random under load."""

import asyncio
from datetime import timedelta
from random import Random
from typing import Any, ClassVar

import pytest

from tests.machine import DB, HELLO, SHOP, Machine, broken, in_fake_time, service
from wakedock_operator.activator.questions import Granted
from wakedock_operator.core.status import DrainReason, Serving, Status
from wakedock_operator.resource import Key, WakeService

pytestmark = in_fake_time

OPEN = {"from": "12:03", "to": "12:06", "state": "Awake"}
SHUT = {"from": "12:04", "to": "12:08", "state": "Asleep"}
WEB, API = Key("default", "web"), Key("default", "api")


async def steadily(machine: Machine, key: Key, answers: list[float]) -> None:
    """One client that asks again as soon as it was answered, which takes half a second each; how long each was held."""
    while True:
        asked = machine.time
        if machine.edge.steering(key) is None:
            assert await machine.ask(key) == Granted()
        else:
            machine.request(key)
        answers.append(machine.time - asked)
        machine.edge.busy(key, 1)
        await asyncio.sleep(0.5)
        machine.edge.busy(key, 0)
        await machine.settle()


async def test_a_forced_sleep_under_steady_requests_to_several_dependants_takes_each_of_them_down_once(machine: Machine):
    await machine.start(service(DB, hosts=[]), service(SHOP, dependsOn=["db"]), service(WEB, dependsOn=["db"]))
    await machine.woken(SHOP)
    await machine.woken(WEB)
    answers: list[float] = []
    load = [asyncio.create_task(steadily(machine, key, answers)) for key in (SHOP, WEB)]
    await asyncio.sleep(3.3)
    await machine.catalog.ask(DB, sleep="1")
    await asyncio.sleep(10)
    for client in load:
        client.cancel()
    await asyncio.wait(load)
    assert [key.name for what, key in machine.workloads.calls if what == "stop"] in (["shop", "web", "db"], ["web", "shop", "db"])
    assert {machine.serving(key) for key in (WEB, SHOP, DB)} == {Serving.AWAKE}
    assert max(answers) < machine.options.drain_patience


async def test_a_sleep_that_somebody_asked_for_gives_way_when_a_dependant_never_ends_its_work(machine: Machine):
    await machine.start(service(DB, hosts=[]), service(HELLO, dependsOn=["db"]), service(WEB, dependsOn=["db"]))
    await machine.woken()
    await machine.woken(WEB)
    machine.edge.busy(WEB, 1)
    await machine.catalog.ask(DB, sleep="1")
    await machine.asleep(HELLO)
    began = machine.time
    assert await machine.ask() == Granted()
    assert machine.options.drain_patience <= machine.time - began < machine.options.drain_patience + 1
    await machine.settle()
    assert (machine.serving(), machine.serving(DB)) == (Serving.AWAKE, Serving.AWAKE)
    assert (machine.status(DB).drain, machine.status(DB).handled.sleep) == (None, "1")
    await asyncio.sleep(30)
    assert machine.serving() is Serving.AWAKE
    assert machine.workloads.did("stop") == 1
    assert [each["service"] for each in machine.logs if "gives way" in each["event"]] == ["default/db"]


async def streams(machine: Machine) -> None:
    """`web` has a request that never ends; `hello`, which sleeps, and `web` depend on `db`, of which a sleep is due."""
    await machine.start(service(DB, hosts=[]), service(HELLO, dependsOn=["db"]), service(WEB, dependsOn=["db"]))
    await machine.woken(WEB)
    machine.edge.busy(WEB, 1)
    await machine.catalog.ask(DB, sleep="1")
    await asyncio.sleep(5)
    assert machine.status(DB).leaving


@pytest.mark.parametrize("wish", ["wake", "pin"])
async def test_a_sleep_that_waits_gives_way_to_a_newer_wish_for_a_dependant(machine: Machine, wish: str):
    await streams(machine)
    await machine.catalog.ask(HELLO, **({"wake": "1"} if wish == "wake" else {"keep_awake_until": machine.now + timedelta(hours=1)}))
    await machine.until(Serving.AWAKE, within=1)
    assert not machine.status(DB).leaving


async def test_a_sleep_that_waits_is_overruled_by_a_newer_wish_to_wake(machine: Machine):
    await streams(machine)
    await machine.catalog.ask(DB, wake="1")
    await asyncio.sleep(1)
    machine.edge.busy(WEB, 0)
    await asyncio.sleep(5)
    assert (machine.serving(DB), machine.workloads.did("stop", DB)) == (Serving.AWAKE, 0)


async def test_a_dependency_that_crashes_while_its_sleep_is_due_is_there_for_what_is_in_flight(machine: Machine):
    await streams(machine)
    machine.workloads.crash(DB, machine.instance(DB))
    await asyncio.sleep(1)
    assert machine.workloads.did("start", DB) == 2


async def test_a_changed_definition_is_put_off_when_requests_to_dependants_would_wait_for_too_long(machine: Machine):
    left, right, top = (Key("default", name) for name in ("left", "right", "top"))
    base = service(DB, hosts=[])
    await machine.start(
        base,
        service(left, dependsOn=["db"]),
        service(right, dependsOn=["db"]),
        service(top, dependsOn=["left", "right"]),
        service(WEB, dependsOn=["db"]),
    )
    await machine.woken(WEB)
    machine.edge.busy(WEB, 1)
    machine.catalog.define(service(DB, hosts=[], app={"command": ["y"]}))
    await asyncio.sleep(1)
    began = machine.time
    assert await machine.ask(top) == Granted()
    assert machine.time - began < machine.options.drain_patience + 5
    await asyncio.sleep(30)
    assert machine.serving(top) is Serving.AWAKE
    machine.edge.busy(WEB, 0)
    await asyncio.sleep(60)
    assert not (await machine.workloads.observe(DB)).outdated


class Restless:
    """A machine at random: slow backends, clients, people who ask for sleeps, and halves that are killed. Looks at every write."""

    NEEDS: ClassVar[dict[Key, tuple[Key, ...]]] = {DB: (), API: (DB,), WEB: (API,), SHOP: (DB,)}

    def __init__(self, machine: Machine, seed: int) -> None:
        self.machine = machine
        self.random = Random(seed)
        self.in_flight = dict.fromkeys(self.NEEDS, 0)
        self.held: list[float] = []
        self.asked = 0
        self.wrong: list[str] = []
        machine.workloads.prompt = False
        machine.board.before_swap = self.look

    def needed(self, key: Key) -> set[Key]:
        direct = self.NEEDS[key]
        return set(direct).union(*(self.needed(each) for each in direct))

    def look(self, key: Key, new: Status) -> None:
        """Nothing goes to sleep while what depends on it serves or runs, and nothing is stopped under a request."""
        before = self.machine.board.view(key)
        if new.drain is not None and new.drain.reason is DrainReason.START_FAILED:
            return  # nothing of it runs
        if before is not None and new.serving is Serving.ASLEEP and before.serving is not Serving.ASLEEP:
            up = [each for each in self.NEEDS if key in self.needed(each) and (self.serves(each) or self.machine.runs(each))]
            if up or self.in_flight[key]:
                self.wrong.append(f"{self.machine.time:.2f}: {key} goes to sleep, {self.in_flight[key]} in flight, under {up}")

    def serves(self, key: Key) -> bool:
        return self.machine.serving(key) is not Serving.ASLEEP

    async def backend(self, key: Key) -> None:
        workloads = self.machine.workloads
        while True:
            await asyncio.sleep(self.random.uniform(0.01, 2))
            if key not in workloads.keys():  # noqa: SIM118 - the port's method
                continue
            seen = await workloads.observe(key)
            if seen.desired and not seen.instances:
                if not all(self.machine.runs(each) for each in self.needed(key)):
                    self.wrong.append(f"{self.machine.time:.2f}: {key} is started before what it needs")
                workloads.appear(key)
            for instance in seen.instances:
                if instance.terminating:
                    workloads.vanish(key, instance.id)
                elif not instance.ready:
                    workloads.answer(key, instance.id)

    async def client(self, key: Key) -> None:
        machine = self.machine
        while True:
            await asyncio.sleep(self.random.choice((0.0, 0.0, 0.0, self.random.uniform(0, 40))))
            asked = machine.time
            if machine.edge.steering(key) is None:
                assert await machine.ask(key) == Granted()
            self.held.append(machine.time - asked)
            self.change(key, 1)
            if machine.edge.steering(key) is not None:
                machine.request(key)
            await asyncio.sleep(self.random.choice((0.1, 0.5, self.random.uniform(0, 4))))
            self.change(key, -1)
            await machine.settle()

    def change(self, key: Key, by: int) -> None:
        self.in_flight[key] += by
        self.machine.edge.busy(key, self.in_flight[key])

    async def people(self) -> None:
        while True:
            await asyncio.sleep(self.random.uniform(0, 30))
            self.asked += 1
            await self.machine.catalog.ask(self.random.choice((DB, DB, API)), sleep=str(self.asked))

    async def killer(self) -> None:
        while True:
            await asyncio.sleep(self.random.uniform(0, 60))
            await self.machine.kill("controller")
            await asyncio.sleep(self.random.uniform(0, 3))
            self.machine.start_controller()


class Whims:
    """People who pin, wake, put to sleep, suspend and change services at random, some with schedules; starts that fail, and crashes."""

    def __init__(self, restless: Restless) -> None:
        self.machine, self.random, self.asked = restless.machine, restless.random, 0
        self.specs: dict[Key, dict[str, Any]] = {key: {"dependsOn": [n.name for n in needs]} for key, needs in restless.NEEDS.items()}
        for key, windows in ((WEB, [OPEN]), (DB, [SHUT]), (API, [OPEN, SHUT])):
            self.specs[key]["schedule"] = self.random.choice((windows, []))

    def services(self) -> list[WakeService]:
        return [service(key, **spec) for key, spec in self.specs.items()]

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self.random.uniform(0, 20))
            self.asked += 1
            key, number = self.random.choice(tuple(self.specs)), str(self.asked)
            match self.random.randrange(9):
                case 0:
                    until = self.machine.now + timedelta(seconds=self.random.uniform(5, 90))
                    await self.machine.catalog.ask(key, keep_awake_until=until)
                case 1:
                    await self.machine.catalog.ask(key, unpin=True)
                case 2:
                    await self.machine.catalog.ask(key, wake=number)
                case 3:
                    await self.machine.catalog.ask(key, sleep=number)
                case 4:
                    self.change(key, suspend=not self.specs[key].get("suspend", False))
                case 5:
                    self.change(key, app={"command": [number]})
                case 6:
                    self.machine.workloads.refused_starts[key] = broken(self.asked)
                case 7:
                    self.machine.workloads.refused_starts.clear()
                case _ if self.machine.runs(key):
                    self.machine.workloads.crash(key, self.machine.instance(key))

    def change(self, key: Key, **fields: Any) -> None:
        self.specs[key] |= fields
        self.machine.catalog.define(*self.services())

    def end(self) -> None:
        """Nobody wants anything any more."""
        self.machine.workloads.refused_starts.clear()
        for spec in self.specs.values():
            spec.pop("suspend", None)
        self.machine.catalog.define(*self.services())


async def asks(machine: Machine, key: Key, random: Random, held: list[float]) -> None:
    """A client that takes any answer."""
    while True:
        await asyncio.sleep(random.choice((0.05, 0.05, random.uniform(0, 40))))
        asked = machine.time
        if machine.edge.steering(key) is None:
            await machine.ask(key)
        else:
            machine.request(key)
        held.append(machine.time - asked)
        await machine.settle()


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_people_want_the_order_is_kept_and_everything_comes_to_rest(machine: Machine, seed: int):
    restless = Restless(machine, seed)
    whims = Whims(restless)
    await machine.start(*whims.services())
    backends = [asyncio.create_task(restless.backend(key)) for key in Restless.NEEDS]
    clients = [asyncio.create_task(asks(machine, key, restless.random, restless.held)) for key in Restless.NEEDS]
    unrest = [asyncio.create_task(whims.run()), asyncio.create_task(restless.killer())]
    await asyncio.sleep(500)
    for task in (*unrest, *clients):
        task.cancel()
    await asyncio.wait((*unrest, *clients))
    if "controller" not in machine._tasks:
        machine.start_controller()
    whims.end()
    await asyncio.sleep(600)
    assert [wrong for wrong in restless.wrong if "goes to sleep" in wrong] == []
    assert not [task for task in backends if task.done()]
    assert max(restless.held) < 3 * machine.options.drain_patience
    assert {key: machine.serving(key) for key in Restless.NEEDS} == dict.fromkeys(Restless.NEEDS, Serving.ASLEEP)
    assert len(machine.board.writes) < 1000, "something was written again and again"
    for task in backends:
        task.cancel()
    await asyncio.wait(backends)


@pytest.mark.parametrize("seed", range(12))
async def test_forced_sleeps_at_random_keep_the_order_and_every_request(machine: Machine, seed: int):
    restless = Restless(machine, seed)
    await machine.start(*(service(key, dependsOn=[each.name for each in needs]) for key, needs in Restless.NEEDS.items()))
    always = [asyncio.create_task(restless.backend(key)) for key in Restless.NEEDS]
    clients = [asyncio.create_task(restless.client(key)) for key in (WEB, WEB, SHOP, API, DB)]
    unrest = [asyncio.create_task(restless.people()), asyncio.create_task(restless.killer())]
    await asyncio.sleep(600)
    for task in unrest:
        task.cancel()
    await asyncio.wait(unrest)
    if "controller" not in machine._tasks:
        machine.start_controller()
    await asyncio.sleep(60)
    assert restless.wrong == []
    assert not [task for task in (*always, *clients) if task.done()]
    assert max(restless.held) < 3 * machine.options.drain_patience
    for key in (DB, API):
        wanted = machine.catalog.current().entries[key].wishes.sleep
        assert wanted in {"", machine.status(key).handled.sleep}
    for task in (*always, *clients):
        task.cancel()
    await asyncio.wait((*always, *clients))


# Definitions that change under what runs


async def in_use(machine: Machine) -> None:
    """`hello` depends on `db`, and has a request in flight."""
    await machine.start(service(DB, hosts=[], idleTimeout="1s"), service(HELLO, dependsOn=["db"]))
    await machine.woken()
    machine.edge.busy(HELLO, 1)


def stops(machine: Machine) -> list[str]:
    return [key.name for what, key in machine.workloads.calls if what == "stop"]


async def test_a_dependant_that_is_ended_has_its_dependency_until_its_requests_have_ended(machine: Machine):
    await in_use(machine)
    machine.catalog.end(HELLO)
    await asyncio.sleep(10)
    await machine.catalog.ask(DB, sleep="1")
    await asyncio.sleep(10)
    assert stops(machine) == []
    machine.edge.busy(HELLO, 0)
    await machine.asleep(DB)
    assert stops(machine) == ["hello", "db"]


async def test_both_that_are_ended_together_go_in_their_order(machine: Machine):
    await in_use(machine)
    machine.catalog.end(HELLO)
    machine.catalog.end(DB)
    await asyncio.sleep(10)
    assert stops(machine) == []
    machine.edge.busy(HELLO, 0)
    await machine.until(lambda: not machine.board.keys())
    assert stops(machine) == ["hello", "db"]


async def test_what_depends_no_more_has_its_former_dependency_until_it_sleeps(machine: Machine):
    await in_use(machine)
    machine.catalog.define(service(HELLO))
    await asyncio.sleep(10)
    assert stops(machine) == []
    assert "default/hello" in machine.condition("SleepBlocked", DB).message
    machine.edge.busy(HELLO, 0)
    await machine.asleep()
    await machine.asleep(DB)
    assert stops(machine) == ["hello", "db"]


async def test_what_depends_on_it_again_is_named_once(machine: Machine):
    await in_use(machine)
    machine.catalog.define(service(HELLO))
    await machine.settle()
    machine.catalog.define(service(HELLO, dependsOn=["db"]))
    await machine.settle()
    assert machine.condition("SleepBlocked", DB).message.count("default/hello") == 1


async def test_a_person_may_put_it_to_sleep_before(machine: Machine):
    await in_use(machine)
    machine.catalog.define(service(HELLO))
    await machine.catalog.ask(DB, sleep="1")
    await machine.until(Serving.ASLEEP, DB, within=1)
    assert machine.serving() is Serving.AWAKE


async def test_and_needs_it_no_more_when_it_wakes_again(machine: Machine):
    await in_use(machine)
    machine.catalog.define(service(HELLO))
    await asyncio.sleep(1)
    machine.edge.busy(HELLO, 0)
    await machine.asleep()
    await machine.woken(DB)
    await machine.woken()
    machine.edge.busy(HELLO, 1)
    await machine.asleep(DB)
    assert machine.serving() is Serving.AWAKE


async def test_no_dependency_sleeps_before_the_last_process_of_what_depends_on_it_has_ended(machine: Machine):
    await machine.start(service(DB, hosts=[], idleTimeout="1s"), service(HELLO, dependsOn=["db"]))
    instance = await machine.woken()
    machine.workloads.prompt = False
    await machine.asleep()
    await asyncio.sleep(30)
    assert (machine.serving(DB), stops(machine)) == (Serving.AWAKE, ["hello"])
    assert machine.condition("SleepBlocked", DB).reason == "DependantAwake"
    machine.workloads.vanish(HELLO, instance)
    await machine.asleep(DB)
