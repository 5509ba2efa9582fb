"""A machine in memory: one gateway and one controller over the fakes, in the time of a fake event loop.

Mark its tests with `in_fake_time`: then hours pass at once, and exactly as they are asked for.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from wakedock_operator.activator.activator import Activator
from wakedock_operator.activator.desk import Desk
from wakedock_operator.activator.options import GatewayOptions
from wakedock_operator.activator.questions import Granted, Question, Refusal
from wakedock_operator.activator.service import Service
from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.controller.loop import Controller
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import Asker, Condition, DrainReason, Failure, FailureReason, ReportKind, Serving, Status
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.ports.changes import Changes
from wakedock_operator.ports.fakes.board import FakeBoard
from wakedock_operator.ports.fakes.catalog import FakeCatalog
from wakedock_operator.ports.fakes.clock import FakeClock
from wakedock_operator.ports.fakes.edge import FakeEdge
from wakedock_operator.ports.fakes.journal import FakeJournal
from wakedock_operator.ports.fakes.workloads import FakeWorkloads
from wakedock_operator.ports.gateways import FixedGateways, Gateways
from wakedock_operator.ports.journal import Event, EventKind
from wakedock_operator.resource import Key, WakeService

HELLO, SHOP, DB = Key("default", "hello"), Key("default", "shop"), Key("default", "db")
GATEWAY = "local"
IDLE_TIMEOUT = 60.0
TICK = 0.01
LONG = 100.0

in_fake_time = pytest.mark.looptime(start=1000, noop_cycles=0)
"""Nothing from outside of the loop happens in these tests: where it has nothing to run, its clock moves on at once."""

Answer = Granted | Refusal


def service(key: Key = HELLO, **spec: Any) -> WakeService:
    """A definition with an idle time-out of a minute."""
    document = {"hosts": [f"{key.name}.localhost"], "app": {"command": ["x"]}, "idleTimeout": "60s", **spec}
    return WakeService.from_document({"metadata": {"name": key.name, "namespace": key.namespace}, "spec": document})


class CountingBoard(FakeBoard):
    """A board that remembers every write, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[tuple[Key, Status | None]] = []
        self.before_swap: Callable[[Key, Status], None] = lambda key, new: None
        self.before_report: Callable[[Key], None] = lambda key: None

    async def swap(self, key: Key, old: Status | None, new: Status) -> Status:
        self.before_swap(key, new)
        return await super().swap(key, old, new)

    async def report(self, key: Key, uid: str, report: Any) -> Status | None:
        self.before_report(key)
        return await super().report(key, uid, report)

    def _keep(self, key: Key, status: Status) -> None:
        self.writes.append((key, status))
        super()._keep(key, status)

    def _drop(self, key: Key) -> None:
        self.writes.append((key, None))
        super()._drop(key)


class CountingEdge(FakeEdge):
    """An edge that counts the looks at its in-flight list."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    async def in_flight(self) -> Any:
        self.looks += 1
        return await super().in_flight()


class Routes:
    """Every definition is in force at once, but for what is refused."""

    def __init__(self) -> None:
        self.refusing: dict[Key, str] = {}

    def pending(self, entry: Entry) -> str | None:
        return None

    def refused(self, entry: Entry) -> str | None:
        return self.refusing.get(entry.key)

    def changes(self) -> AsyncIterator[Key]:
        return Changes[Key]().follow()


class CountingWorkloads(FakeWorkloads):
    """Workloads that count looks, probes and questions."""

    def __init__(self, *, prompt: bool) -> None:
        super().__init__(prompt=prompt)
        self.observed: list[Key] = []
        self.probed: list[tuple[float, Key]] = []
        self.asked: list[float] = []
        self.broken: dict[Key, Exception] = {}
        """What looks at these workloads raise."""

    async def observe(self, key: Key) -> Observation:
        self.observed.append(key)
        if key in self.broken:
            raise self.broken[key]
        return await super().observe(key)

    async def probe(self, key: Key, instance: str) -> Any:
        self.probed.append((asyncio.get_running_loop().time(), key))
        return await super().probe(key, instance)

    async def ask_veto(self, key: Key) -> Any:
        self.asked.append(asyncio.get_running_loop().time())
        return await super().ask_veto(key)

    def did(self, what: str, key: Key = HELLO) -> int:
        """How often `what` was carried out."""
        return self.calls.count((what, key))


@dataclass
class Machine:
    """Both halves, and everything around them. Backends act at once, unless `prompt` is False."""

    clock: FakeClock = field(default_factory=FakeClock)
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    board: CountingBoard = field(default_factory=CountingBoard)
    workloads: CountingWorkloads = field(default_factory=lambda: CountingWorkloads(prompt=True))
    edge: CountingEdge = field(default_factory=CountingEdge)
    routes: Routes = field(default_factory=Routes)
    journal: FakeJournal = field(default_factory=FakeJournal)
    metrics: Metrics = field(default_factory=Metrics)
    options: GatewayOptions = field(default_factory=lambda: GatewayOptions(name=GATEWAY))
    gateways: Gateways = field(default_factory=lambda: FixedGateways(frozenset({GATEWAY})))
    logs: Sequence[Mapping[str, Any]] = ()
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _requests: Iterator[int] = field(default_factory=lambda: count(1))
    _clients: list[asyncio.Task[Answer]] = field(default_factory=list)

    # What runs

    async def start(self, *services: WakeService) -> None:
        """Define these services and start both halves."""
        self.catalog.define(*services)
        self.start_gateway()
        self.start_controller()
        await self.settle()

    def start_gateway(self) -> None:
        """A new process as far as the gateway can tell."""
        self.activator = Activator(
            catalog=self.catalog,
            board=self.board,
            workloads=self.workloads,
            edge=self.edge,
            journal=self.journal,
            clock=self.clock,
            metrics=self.metrics,
            options=self.options,
        )
        self.desk = Desk(self.activator, self.journal)
        self.activator.take_over()
        self._tasks["gateway"] = asyncio.create_task(self.activator.run())

    def start_controller(self) -> None:
        """A new process as far as the controller can tell."""
        self.controller = Controller(
            catalog=self.catalog,
            board=self.board,
            workloads=self.workloads,
            edge=self.edge,
            journal=self.journal,
            clock=self.clock,
            metrics=self.metrics,
            gateways=self.gateways,
            routing=self.routes,
        )
        self._tasks["controller"] = asyncio.create_task(self.controller.run())

    async def kill(self, half: str) -> None:
        """One half is gone, and with the gateway the questions that it was asked."""
        task = self._tasks.pop(half)
        task.cancel()
        await asyncio.wait({task})
        if half == "gateway":
            await self.leave(*self._clients)

    async def stop(self) -> None:
        """Everything ends; a half that ended by itself before fails the test."""
        ended = [task for task in self._tasks.values() if task.done()]
        await self.leave(*self._clients)
        for half in tuple(self._tasks):
            await self.kill(half)
        for task in ended:
            task.result()

    # What clients do

    def ask(self, key: Key = HELLO, *, age: float = 0.0, path: str = "/") -> asyncio.Task[Answer]:
        """A question to the gateway."""
        task = asyncio.create_task(self.desk.hold(self.question(key, age=age, path=path)))
        self._clients.append(task)
        return task

    def question(self, key: Key = HELLO, *, age: float = 0.0, path: str = "/") -> Question:
        """One round of a request."""
        asker = Asker(self.clock.now(), "GET", f"{key.name}.localhost", path)
        return Question(key, f"request-{next(self._requests)}", age, asker)

    async def leave(self, *clients: asyncio.Task[Answer]) -> None:
        """These clients leave."""
        for client in clients:
            client.cancel()
        if clients:
            await asyncio.wait(clients)

    def request(self, key: Key = HELLO) -> None:
        """A request goes through the edge, without a question."""
        assert self.edge.steering(key) is not None
        self.edge.touch(key, at=self.clock.now().timestamp())

    async def woken(self, key: Key = HELLO) -> str:
        """A client wakes it and is served; returns the instance."""
        assert await self.ask(key) == Granted()
        await self.until(Serving.AWAKE, key)
        await self.settle()
        return self.instance(key)

    async def asleep(self, key: Key = HELLO) -> None:
        """Nobody asks until it sleeps."""
        await self.until(Serving.ASLEEP, key)
        await self.settle()

    # What is seen

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        await asyncio.sleep(TICK)

    async def until(self, what: Serving | Callable[[], bool], key: Key = HELLO, *, within: float = LONG) -> None:
        """Wait for a state of the service, or anything else, in the time of the loop."""
        async with asyncio.timeout(within):
            while not (what() if callable(what) else self.status(key).serving is what):
                await asyncio.sleep(max(TICK, within / 10_000))

    def status(self, key: Key = HELLO) -> Status:
        """The service's status."""
        status = self.board.view(key)
        assert status is not None
        return status

    def serving(self, key: Key = HELLO) -> Serving:
        """Where its requests go."""
        return self.status(key).serving

    def drained_by(self, key: Key = HELLO) -> DrainReason:
        """Why it goes, or went, to sleep."""
        drain = self.status(key).drain
        assert drain is not None
        return drain.reason

    def said(self, key: Key = HELLO) -> ReportKind | None:
        """What the gateway says about the present epoch."""
        return self.status(key).report_of(self.options.name)

    def service(self, key: Key = HELLO) -> Service:
        """What the gateway keeps in memory."""
        return self.activator.services[key]

    def instance(self, key: Key = HELLO) -> str:
        """The one instance that runs."""
        (name,) = self.workloads._workloads[key].instances
        return name

    def runs(self, key: Key = HELLO) -> bool:
        """Whether something of it runs."""
        return key in self.workloads.keys() and bool(self.workloads._workloads[key].instances)  # noqa: SIM118 - the port's method

    def condition(self, of: str, key: Key = HELLO) -> Condition:
        """One condition of the service."""
        return next(c for c in self.status(key).conditions if c.type == of)

    def events(self, kind: EventKind, key: Key = HELLO) -> list[Event]:
        """What the history says, oldest first."""
        return [event for event in self.journal.recorded if event.key == key and event.kind is kind]

    def metric(self, name: str, labels: dict[str, str] | None = None) -> float:
        """A metric's value; 0 where there is none."""
        return self.metrics.registry.get_sample_value(f"wakedock_{name}", labels) or 0.0

    def count(self, name: str, key: Key = HELLO, **labels: str) -> float:
        """A counter of one service."""
        return self.metric(f"{name}_total", {"namespace": key.namespace, "name": key.name, **labels})

    @property
    def time(self) -> float:
        """The monotonic clock."""
        return self.clock.monotonic()

    @property
    def now(self) -> datetime:
        """The wall clock."""
        return self.clock.now()

    @contextmanager
    def counted(self) -> Iterator["Work"]:
        """What was done meanwhile."""
        work = Work()
        before = (len(self.board.writes), len(self.workloads.observed), self.edge.looks, len(self.edge.switches))
        yield work
        after = (len(self.board.writes), len(self.workloads.observed), self.edge.looks, len(self.edge.switches))
        work.writes, work.observations, work.looks, work.switches = (b - a for a, b in zip(before, after, strict=True))


@dataclass
class Work:
    """How often the world was asked or changed."""

    writes: int = 0
    observations: int = 0
    looks: int = 0
    switches: int = 0


def broken(number: int = 1) -> Failure:
    """A start that failed for good."""
    return Failure(f"start-{number}", FailureReason.EXITED, "the app ended with exit code 1")
