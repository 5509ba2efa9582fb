"""The controller's loop: facts → decision → one step, again, until there is nothing to do for this service."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import structlog

from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.core import controller
from wakedock_operator.core.backoff import backoff
from wakedock_operator.core.conditions import Findings, conditions
from wakedock_operator.core.routing import route_services
from wakedock_operator.core.schedule import next_edge
from wakedock_operator.core.status import FailureReason, Serving, Status
from wakedock_operator.ports.board import Board, Conflict
from wakedock_operator.ports.catalog import Catalog, Entry, Snapshot
from wakedock_operator.ports.clock import Clock
from wakedock_operator.ports.edge import Edge, EdgeUnavailable
from wakedock_operator.ports.gateways import Gateways
from wakedock_operator.ports.journal import Journal
from wakedock_operator.ports.routing import Routing
from wakedock_operator.ports.workloads import Unsupported, VersionMoved, Workloads
from wakedock_operator.resource import Key, OnExit
from wakedock_operator.workqueue import WorkQueue

from .clock_steps import clock_steps
from .findings import failing_of, newest_problem, unanswered
from .gather import Gatherer
from .memory import Memory
from .telling import Telling

log = structlog.get_logger(__name__)

LOOK_AGAIN = 0.05
"""Seconds between two last looks, and after an edge that did not answer."""
PROBE_INTERVAL = 0.1
MAKE_AGAIN = 30.0
"""The most seconds after which a workload is tried again that could not be made, or that somebody undoes again and again."""
POSTPONED = 60.0
"""Seconds for which a changed definition waits that gave way to requests."""
MADE_FOR_GOOD = 2 * MAKE_AGAIN
"""Seconds after which what was made and is undone counts as undone for the first time."""


class Controller:
    """Decides for every service of the catalogue, and for those that have left it.

    `edge` is that of the one gateway in this process, if there is one. With `tells_wakes` every wake goes into the history from here, else
    only those that no gateway tells. `routing` says what gateways in other processes have in force.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        board: Board,
        workloads: Workloads,
        edge: Edge | None,
        journal: Journal,
        clock: Clock,
        metrics: Metrics,
        gateways: Gateways,
        tells_wakes: bool = False,
        routing: Routing | None = None,
    ) -> None:
        self._catalog = catalog
        self._board = board
        self._workloads = workloads
        self._edge = edge
        self._routing = routing
        self._clock = clock
        self._telling = Telling(journal, metrics, clock, tells_wakes=tells_wakes)
        self._memories: dict[Key, Memory] = {}
        self._divided = route_services(())
        """Hosts and paths among the definitions."""
        self._gatherer = Gatherer(board, workloads, clock, gateways)
        self._queue: WorkQueue[Key] = WorkQueue(self._work, name="controller", told=metrics.reconciled)
        self._shown: dict[Key, Status] = {}
        """What the board showed last of each service."""
        self._worked = asyncio.Event()
        """Set after each turn of any service."""

    def __repr__(self) -> str:
        return f"Controller({len(self._memories)} services)"

    async def run(self) -> None:
        """Decide until cancelled."""
        self._take(self._catalog.current())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._queue.run())
            tasks.create_task(self._follow_catalog())
            tasks.create_task(self._follow_board())
            tasks.create_task(self._follow(self._workloads.watch()))
            tasks.create_task(self._follow_gateways())
            if self._routing is not None:
                tasks.create_task(self._follow(self._routing.changes()))
            tasks.create_task(self._follow_clock())

    async def sleep_for_shutdown(self) -> None:
        """Put every service to sleep whose `sleep.onExit` says so; returns when none of them runs any more."""
        self._gatherer.shutting_down = True
        pending = {key for key, entry in self._gatherer.snapshot.entries.items() if entry.service.spec.sleep.on_exit is OnExit.SLEEP}
        for key in pending:
            self._queue.add(key)
        while [key for key in pending if await self._runs(key)]:
            self._worked.clear()
            await self._worked.wait()

    def edge_changed(self) -> None:
        """Routes were applied: the conditions of every service may be others now."""
        self._look_at_all()

    # What wakes it up

    async def _follow_catalog(self) -> None:
        async for snapshot in self._catalog.changes():
            self._take(snapshot)

    async def _follow_board(self) -> None:
        async for key in self._board.watch():
            status, memory = self._board.view(key), self._memories.get(key)
            if status is None or memory is None or memory.read != (status.uid, status.version):
                self._queue.add(key)
            before = self._shown.get(key)
            if status is None:
                self._shown.pop(key, None)
            else:
                self._shown[key] = status
            if status is None or before is None or not status.decides_as(before):
                self._touch_related(key)

    async def _follow_gateways(self) -> None:
        """Everybody whose word a sleep still needs may have spoken before the one that was waited for was gone: nobody will once more."""
        async for _ in self._gatherer.gateways.gone():
            for key in self._memories:
                status = self._board.view(key)
                if status is not None and (status.busy or status.serving is not Serving.ASLEEP):
                    self._queue.add(key)

    async def _follow_clock(self) -> None:
        async for step in clock_steps(self._clock):
            log.warning("the wall clock stepped: all schedules and pins are looked at again", seconds=round(step, 3))
            self._look_at_all()

    def _look_at_all(self) -> None:
        for key in self._memories:
            self._queue.add(key)

    def _take(self, snapshot: Snapshot) -> None:
        before = self._gatherer.snapshot
        # Asked before the definitions are gone: what waits for one that has ended waits no more.
        related = [each for key in before.entries.keys() - snapshot.entries.keys() for each in self._gatherer.related(key)]
        self._gatherer.take(snapshot)
        for each in related:
            self._queue.add(each)
        self._telling.taken(before, snapshot)
        if not snapshot.defines_as(before):
            entries = snapshot.entries.values()
            ports = {entry.key: entry.callers_port for entry in entries if entry.callers_port is not None}
            before_divided, self._divided = self._divided, route_services(((entry.order, entry.service) for entry in entries), ports)
            for key in before_divided.lost.keys() | self._divided.lost.keys():
                if before_divided.lost.get(key) != self._divided.lost.get(key):
                    self._queue.add(key)  # a host went to it, or to somebody else
        for key in snapshot.entries.keys() | self._board.keys() | self._workloads.keys() | before.entries.keys():
            # What is left of an ended service waits while a source cannot be read.
            entry, old = snapshot.entries.get(key), before.entries.get(key)
            if entry is not None and old is not None and entry.service.spec != old.service.spec:
                self._mend(key)
            if key not in snapshot.entries or before.entries.get(key) is not snapshot.entries[key] or key not in self._memories:
                self._touch(key)

    def _mend(self, key: Key) -> None:
        """A changed definition may have put right what a start failed for: its own, and those that failed with it."""
        for each in (key, *self._gatherer.related(key)):
            memory, status = self._memories.get(each), self._board.view(each)
            cause = None if status is None or status.drain is None else status.drain.cause
            if memory is not None and cause is not None and (each == key or cause.reason is FailureReason.DEPENDENCY_FAILED):
                memory.mended = True
                self._queue.add(each)

    async def _follow(self, keys: AsyncIterator[Key]) -> None:
        async for key in keys:
            self._touch(key)

    def _touch(self, key: Key) -> None:
        self._queue.add(key)
        self._touch_related(key)

    def _touch_related(self, key: Key) -> None:
        for other in self._gatherer.related(key):
            self._queue.add(other)

    async def _runs(self, key: Key) -> bool:
        status = await self._board.read(key)
        if status is None or status.serving is not Serving.ASLEEP:
            return True
        return bool((await self._gatherer.observe(key)).instances)

    # One service

    async def _work(self, key: Key) -> float | None:
        try:
            return await self._decide(key)
        finally:
            self._worked.set()

    async def _decide(self, key: Key) -> float | None:
        entry = self._gatherer.snapshot.entries.get(key)
        if entry is None and self._gatherer.snapshot.unreadable:
            return None
        memory = self._memories.setdefault(key, Memory())
        status = self._board.view(key)
        if entry is not None and (status is None or status.uid == entry.uid) and self._to_make(entry, memory, undone=False):
            await self._ensure(entry, memory)
        while True:
            facts = await self._gatherer.facts(key, memory)
            entry = self._gatherer.snapshot.entries.get(key)  # it may have been read of only now
            if entry is not None and facts.defined and self._to_make(entry, memory, undone=facts.backend.undone):
                await self._ensure(entry, memory)
                continue
            step = controller.decide(facts)
            memory.looked = False
            try:
                pause = await self._carry_out(key, facts, step, memory)
            except (Conflict, VersionMoved):
                continue
            memory.mended = memory.mended and not facts.mended
            if isinstance(step, controller.Rest):
                return await self._rest(key, facts, step, memory)
            if isinstance(step, controller.Forget):
                return None
            if pause is not None:
                return pause

    def _to_make(self, entry: Entry, memory: Memory, *, undone: bool) -> bool:
        """Whether the definition is new, or what it asks for could not be made or was undone, and it is time to try again."""
        if memory.made != (entry.uid, entry.generation):
            return True
        return (undone or memory.unmade is not None) and self._clock.monotonic() >= memory.make_again

    async def _ensure(self, entry: Entry, memory: Memory) -> None:
        """Make the workload. What cannot be made is told in the status and tried again ever more seldom, as is what is undone again."""
        wanted, unmade, now = (entry.uid, entry.generation), None, self._clock.monotonic()
        repeated = memory.made == wanted
        if not repeated or now - memory.made_at > MADE_FOR_GOOD:
            memory.tries = 0
        try:
            await self._workloads.ensure(entry.service, entry.uid)
        except Unsupported as reason:
            unmade = str(reason)
        memory.tries += repeated or unmade is not None
        memory.made, memory.made_at, memory.unmade = wanted, now, unmade
        memory.make_again = now + min(backoff(memory.tries), MAKE_AGAIN)

    async def _carry_out(self, key: Key, facts: controller.Facts, step: controller.Step, memory: Memory) -> float | None:
        """Carry one step out; returns until when to pause, None to go on at once."""
        now = self._clock.monotonic()
        match step:
            case controller.Write():
                await self._write(key, facts, step)
            case controller.LastLook():
                memory.looked = await self._last_look(key, facts)
                return None if memory.looked else now + LOOK_AGAIN
            case controller.AskApp():
                answer = await self._workloads.ask_veto(key)
                memory.vetoed, memory.vetoed_at = (answer.detail or "the app objects") if answer.vetoed else "", self._clock.monotonic()
            case controller.Start():
                memory.starts(facts.status, now)
                await self._workloads.start(key)
            case controller.Probe():
                if now < memory.next_probe:
                    return memory.next_probe
                # A probe may take its time; what is in the way of the start is said before.
                await self._publish(key, facts, None, memory)
                result = await self._workloads.probe(key, step.instance)
                if not result.ready:
                    memory.next_probe = self._clock.monotonic() + (0.0 if result.waited else PROBE_INTERVAL)
                    return memory.next_probe
            case controller.Fence():
                await self._workloads.fence(key)
                memory.fenced = facts.status.epoch if facts.status is not None else -1
            case controller.Stop():
                await self._workloads.stop(key, step.version)
            case controller.Forget():
                await self._forget(key, facts)
            case controller.Rest():
                pass
        return None

    async def _last_look(self, key: Key, facts: controller.Facts) -> bool:
        """True when nothing is in flight. With `sleep.maxConnectionAge` the gateway has decided that already."""
        if self._edge is None:
            return True
        try:
            look = await self._edge.in_flight()
        except EdgeUnavailable:
            return False
        if look.of(key) == 0:
            return True
        entry = self._gatherer.snapshot.entries.get(key)
        return entry is not None and entry.service.spec.sleep.max_connection_age is not None

    async def _write(self, key: Key, facts: controller.Facts, step: controller.Write) -> None:
        # What it will rest on is said in the same write, not in another one right after it.
        after = controller.decide(replace(facts, status=step.status))
        rest = after if isinstance(after, controller.Rest) else None
        new = replace(step.status, conditions=conditions(step.status, self._findings(key, facts, rest), facts.now))
        written = await self._board.swap(key, facts.status, new)
        if facts.status is not None and controller.put_off(facts.status, written):
            self._memories[key].postponed_until = self._clock.monotonic() + POSTPONED
        self._telling.written(key, facts, written, step.what)

    async def _forget(self, key: Key, facts: controller.Facts) -> None:
        await self._workloads.remove(key, facts.uid)
        await self._board.remove(key, facts.uid)
        await self._catalog.forget(key, facts.uid)
        self._memories.pop(key, None)
        comes_back = key in self._gatherer.snapshot.entries
        self._telling.ended(key, facts, comes_back=comes_back)
        if comes_back:
            self._queue.add(key)
        else:
            self._queue.forget(key)

    def _findings(self, key: Key, facts: controller.Facts, step: controller.Rest | None) -> Findings:
        entry = self._gatherer.snapshot.entries.get(key)
        failure, failing = facts.backend.failure, failing_of(facts)
        problem, reason = newest_problem(entry, self._memories[key])
        return Findings(
            has_hosts=entry is not None and bool(entry.service.spec.hosts),
            problem=problem,
            problem_reason=reason,
            lost=self._divided.lost.get(key, ()),
            unreached=key in self._divided.lost and key not in self._divided.routes,
            unrouted=None if self._routing is None or entry is None else self._routing.refused(entry),
            pending=None if self._routing is None or entry is None else self._routing.pending(entry),
            suspended=facts.suspended,
            missing=failure.message if failure is not None and failure.reason is FailureReason.TARGET_MISSING else None,
            unanswered="" if entry is None else unanswered(entry),
            crashed=None if failure is None or facts.backend.live else failure.message,
            failing=None if failing is None else failing.message,
            dependency_failed=facts.dependency_failed,
            blocked=None if step is None else step.blocked,
            bypasses=self._workloads.bypasses(key),
        )

    async def _rest(self, key: Key, facts: controller.Facts, step: controller.Rest, memory: Memory) -> float | None:
        """Publish the conditions if they changed; returns when to look again."""
        if facts.status is None:
            return None
        wanted = facts.status.serving is Serving.ASLEEP and controller.wanted_by(facts, facts.status) is not None
        if wanted and not facts.dependencies_ready:
            for each in self._gatherer.dependencies(key):
                self._queue.add(each)  # needed from now on, which nothing but this look shows
        if memory.wanted and not wanted:
            self._touch_related(key)  # needed no more, which nothing else shows either
        memory.wanted = wanted
        await self._publish(key, facts, step, memory)
        self._telling.crashed(key, facts, memory)
        return self._next_look(key, facts, step, memory)

    async def _publish(self, key: Key, facts: controller.Facts, step: controller.Rest | None, memory: Memory) -> None:
        status = facts.status
        if status is None:
            return
        self._telling.failing(key, failing_of(facts))
        found = conditions(status, self._findings(key, facts, step), facts.now)
        if found != status.conditions:
            try:
                written = await self._board.swap(key, status, replace(status, conditions=found))
                memory.read = written.uid, written.version
                self._telling.blocked(key, status, found)
            except Conflict:
                self._queue.add(key)

    def _next_look(self, key: Key, facts: controller.Facts, step: controller.Rest, memory: Memory) -> float | None:
        now = self._clock.monotonic()
        times: list[float] = []
        if step.again_in is not None:
            times.append(now + step.again_in)
        entry = self._gatherer.snapshot.entries.get(key)
        if entry is not None:
            edge = next_edge(entry.service.spec.schedule, facts.now)
            if edge is not None:
                times.append(now + (edge - facts.now).total_seconds())
        status = facts.status
        times.append(memory.postponed_until)
        pin = facts.situation.pinned_until
        if pin is not None:
            times.append(now + (pin - facts.now).total_seconds())
        if status is not None and status.serving is Serving.AWAKE and memory.restarts:
            times.append(memory.restarted_at + backoff(memory.restarts))
        if memory.unmade is not None or facts.backend.undone:
            times.append(memory.make_again)
        if memory.waiting_since is not None:
            times.append(memory.waiting_since + facts.timeout + LOOK_AGAIN)
        if status is not None and status.serving is not Serving.AWAKE and status.failures:
            times.append(memory.epoch_since + memory.backoff_of(status))
        return min((t for t in times if t > now), default=None)
