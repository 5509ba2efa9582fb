"""A gateway's keeping of its services: gather the facts, ask the rules, carry out one step, again, until there is nothing to do.

What this module adds to `core.gateway` is the world: which port call a step is, how fast probes follow each other, and when to look again.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.core import gateway
from wakedock_operator.core.idleness import Idleness, adopted
from wakedock_operator.core.observation import NOTHING
from wakedock_operator.core.status import Report, ReportKind, Serving, Status, WakeReason
from wakedock_operator.ports.board import Board
from wakedock_operator.ports.catalog import Catalog, Entry, Snapshot
from wakedock_operator.ports.changes import Changes
from wakedock_operator.ports.clock import Clock
from wakedock_operator.ports.edge import Edge, EdgeUnavailable, InFlight
from wakedock_operator.ports.journal import Event, EventKind, Journal
from wakedock_operator.ports.workloads import Waking
from wakedock_operator.resource import Key
from wakedock_operator.workqueue import WorkQueue

from .dependencies import Dependencies
from .draining import RETRY, Draining
from .holds import PACE, WINDOW
from .options import GatewayOptions
from .phases import phase_of
from .service import Service

log = structlog.get_logger(__name__)


class Activator:
    """Keeps the services of one gateway. Shares nothing with the controller but the ports."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        board: Board,
        workloads: Waking,
        edge: Edge,
        journal: Journal,
        clock: Clock,
        metrics: Metrics,
        options: GatewayOptions,
    ) -> None:
        self.options = options
        self.services: dict[Key, Service] = {}
        self.progressed: Changes[Key] = Changes()
        """Keys whose phase changed: the waiting page follows this."""
        self.held = 0
        """Questions parked at this moment, all services together."""
        self.metrics = metrics
        self.clock = clock
        self._catalog = catalog
        self._board = board
        self._workloads = workloads
        self._edge = edge
        self._journal = journal
        self._queue: WorkQueue[Key] = WorkQueue(self._work, name="gateway")
        self._dependencies = Dependencies(self.services, board, self._queue)
        self._snapshot: tuple[float, InFlight] | None = None

    def __repr__(self) -> str:
        return f"Activator({self.options.name}, {len(self.services)} services, {self.held} held)"

    def take_over(self) -> None:
        """Know the services, so that a question about them can be answered. The edge must have been started."""
        self._take(self._catalog.current())

    async def run(self) -> None:
        """Keep the services until cancelled."""
        self.take_over()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._queue.run())
            tasks.create_task(self._follow_catalog())
            tasks.create_task(self._follow_board())
            tasks.create_task(self._follow_workloads())

    def idle_since(self, key: Key) -> datetime | None:
        """Since when no request came and none was in flight; None while in use, asleep, or unknown here."""
        service = self.services.get(key)
        if service is None or service.steering is None or service.idleness.since is None:
            return None
        return self.clock.now() - timedelta(seconds=self.clock.monotonic() - service.idleness.since)

    def wake_up(self, key: Key) -> None:
        """Something about a service changed: look at it."""
        self._queue.add(key)

    # What wakes it up

    async def _follow_catalog(self) -> None:
        async for snapshot in self._catalog.changes():
            self._take(snapshot)

    def _take(self, snapshot: Snapshot) -> None:
        for key, entry in snapshot.entries.items():
            known = self.services.get(key)
            if known is None:
                self.services[key] = self._new(key, entry)
            elif known.entry is not entry:
                known.entry = entry
                known.idleness = replace(known.idleness, timeout=entry.service.spec.idle_timeout.total_seconds())
            else:
                continue
            self._queue.add(key)
        for key, service in self.services.items():
            if key not in snapshot.entries and service.entry is not None:
                service.entry = None
                self._queue.add(key)
        self._dependencies.take(snapshot)

    def _new(self, key: Key, entry: Entry) -> Service:
        service = Service(key, entry, Idleness(entry.service.spec.idle_timeout.total_seconds()), steering=self._edge.steering(key))
        if service.steering is None:
            self._edge.steer(key, None)
        return service

    async def _follow_board(self) -> None:
        async for key in self._board.watch():
            self._queue.add(key)
            self._dependencies.changed(key)

    async def _follow_workloads(self) -> None:
        async for key in self._workloads.watch():
            service = self.services.get(key)
            if service is not None:
                service.backend = None
                self._queue.add(key)
                self._dependencies.changed(key)

    # One service

    async def _work(self, key: Key) -> float | None:
        service = self.services.get(key)
        if service is None:
            return None
        while True:
            status = self._board.view(key)
            if service.entry is None and status is None:
                self._forget(service)
                return None
            facts = await self._gather(service, status)
            if facts is None:
                return self._next_look(service, status)
            step = gateway.decide(facts)
            pause = await self._carry_out(service, facts, step)
            self._show(service, facts.status)
            if isinstance(step, gateway.Rest):
                if not facts.held and not facts.wanted:
                    service.attempt = None
                return self._next_look(service, status)
            if pause is not None:
                due = self._next_look(service, status)
                return pause if due is None else min(pause, due)

    def _forget(self, service: Service) -> None:
        refusal = service.refusal(self.clock.monotonic())
        if refusal is not None:
            service.holds.refuse(refusal)
        self._edge.unsteer(service.key)
        del self.services[service.key]
        self._queue.forget(service.key)

    async def _gather(self, service: Service, status: Status | None) -> gateway.Facts | None:
        now = self.clock.monotonic()
        refusal = service.refusal(now)
        if status is None:
            if refusal is not None:
                service.holds.refuse(refusal)
            return None
        await self._look(service, status)
        now = self.clock.monotonic()
        asked = refusal is None and (bool(service.holds) or service.wanted(now))
        dependencies_ready = await self._dependencies.ready(service, asked=asked, now=now)
        draining = service.draining
        forced = status.forced
        since = service.asked_since(now)
        return gateway.Facts(
            gateway=self.options.name,
            status=status,
            memory=service.memory,
            steering=service.steering,
            held=bool(service.holds),
            wanted=service.wanted(now),
            refusing=service.refusal(now) is not None,
            in_flight=not forced and (service.touched or (draining is not None and draining.in_flight)),
            quiet=draining is not None and draining.quiet,
            idle=service.idleness.idle(),
            patience_over=since is not None and now - since >= self.options.drain_patience,
            backend=service.backend,
            answered=service.answered,
            dependencies_ready=dependencies_ready,
            may_start=now >= service.refused_until,
        )

    def _next_look(self, service: Service, status: Status | None) -> float | None:
        """When this service needs a look although nothing happens, on the monotonic clock."""
        now = self.clock.monotonic()
        times = [service.refused_until, service.visited_until]
        since = service.asked_since(now)
        if since is not None and status is not None and status.forced:
            times.append(since + self.options.drain_patience)
        later = [t for t in times if t > now]
        if status is not None and status.serving is Serving.AWAKE:
            later.append(max(now, service.idleness.next_look()))
        return min(later, default=None)

    # Activity

    async def _look(self, service: Service, status: Status) -> None:
        """Look for activity when it is time to: a touch of the steering file, else something in flight."""
        now = self.clock.monotonic()
        idleness = service.idleness
        if status.serving is not Serving.AWAKE or service.memory.epoch != status.epoch or now < idleness.next_look():
            return
        touched = self._edge.touched(service.key)
        if touched:
            service.last_request = now
        active = touched or await self._in_flight_since(service, idleness.looked)
        service.idleness = idleness.after_look(self.clock.monotonic(), active=active)

    async def _in_flight_since(self, service: Service, looked: float | None) -> bool:
        """Whether something is in flight, by a list that is newer than `looked`. An edge that does not answer counts as busy."""
        if self._snapshot is None or looked is None or self._snapshot[0] <= looked:
            asked_at = self.clock.monotonic()
            try:
                self._snapshot = (asked_at, await self._edge.in_flight())
            except EdgeUnavailable:
                return True
        return self._counts(service, self._snapshot[1])

    def _counts(self, service: Service, look: InFlight) -> bool:
        """Whether what is in flight counts: connections older than `sleep.maxConnectionAge` do not, once no new request comes."""
        if look.of(service.key) == 0:
            return False
        longest = service.entry.service.spec.sleep.max_connection_age if service.entry is not None else None
        return longest is None or self.clock.monotonic() - service.last_request < longest.total_seconds()

    # Steps

    async def _carry_out(self, service: Service, facts: gateway.Facts, step: gateway.Step) -> float | None:
        """Carry one step out; returns until when to pause before the next one, None to go on at once."""
        pause: float | None = None
        answer: Status | None = None
        match step:
            case gateway.Steer():
                self._steer(service, step.address)
            case gateway.Adopt():
                self._adopt(service, facts.status)
            case gateway.Say():
                answer = await self._say(service, facts.status, step)
                if answer is None or (seen := self._board.view(service.key)) is None or seen.version < answer.version:
                    pause = self.clock.monotonic() + 1.0
            case gateway.LookInFlight():
                pause = await self._look_in_flight(service, facts)
            case gateway.Observe() | gateway.Fence() | gateway.Start() | gateway.Probe():
                pause = await self._turn_to_workload(service, step)
            case gateway.Grant():
                pause = await self._grant(service, step)
            case gateway.Refuse():
                self._refuse(service)
            case gateway.Rest():
                pass
        service.memory = gateway.after(facts, step, answer=answer)
        return pause

    async def _turn_to_workload(
        self, service: Service, step: gateway.Observe | gateway.Fence | gateway.Start | gateway.Probe
    ) -> float | None:
        match step:
            case gateway.Observe():
                return await self._observe(service)
            case gateway.Fence():
                await self._workloads.fence(service.key)
                service.backend = None
                return None
            case gateway.Start():
                return await self._start(service)
            case gateway.Probe():
                return await self._probe(service, step)

    def _steer(self, service: Service, address: str | None) -> None:
        if address is None and service.steering is not None:
            service.touched = self._edge.touched(service.key)
        self._edge.steer(service.key, address)
        service.steering = address
        self.metrics.steered()

    def _adopt(self, service: Service, status: Status) -> None:
        now = self.clock.monotonic()
        restarted = service.memory.epoch == -1
        timeout = service.idleness.timeout
        service.adopted(status, now)
        if status.serving is Serving.AWAKE:
            service.touched = False
            service.last_request = now
            touched = self._edge.last_touch(service.key)
            if restarted and touched is not None:
                service.idleness = adopted(timeout, now=now, quiet_for=self.clock.now().timestamp() - touched)
            else:
                service.idleness = Idleness(timeout, looked=now)

    async def _say(self, service: Service, status: Status, step: gateway.Say) -> Status | None:
        asker = service.attempt.asker if service.attempt is not None and step.kind is ReportKind.BUSY else None
        report = Report(self.options.name, step.kind, status.epoch, step.holding, asker)
        return await self._board.report(service.key, status.uid, report)

    async def _look_in_flight(self, service: Service, facts: gateway.Facts) -> float | None:
        now = self.clock.monotonic()
        draining = service.draining
        if draining is None or draining.epoch != facts.status.epoch:
            draining = service.draining = Draining(facts.status.epoch)
        if now < draining.next_look:
            return draining.next_look
        try:
            look = await self._edge.in_flight()
        except EdgeUnavailable:
            return self.clock.monotonic() + RETRY
        draining.after_look(in_flight=self._counts(service, look), took=look.took, asked_at=now, now=self.clock.monotonic())
        return None if draining.quiet or draining.in_flight else draining.next_look

    async def _observe(self, service: Service) -> float | None:
        try:
            service.backend = await self._workloads.observe(service.key)
        except KeyError:
            service.backend = NOTHING
            return self.clock.monotonic() + 1.0
        fail_fast = service.entry is not None and service.entry.service.spec.wake.fail_fast
        service.saw_failure(service.backend.failure, self.clock.monotonic(), fail_fast=fail_fast)
        if all(instance.id != service.answered for instance in service.backend.live):
            service.answered = None
        return None

    async def _start(self, service: Service) -> float | None:
        service.ask(None, self.clock.monotonic())
        await self._workloads.start(service.key)
        service.backend = None
        if service.attempt is not None and service.attempt.started_at is None:
            service.attempt.started_at = self.clock.monotonic()
        return None

    async def _probe(self, service: Service, step: gateway.Probe) -> float | None:
        now = self.clock.monotonic()
        if now < service.next_probe:
            return service.next_probe
        result = await self._workloads.probe(service.key, step.instance.id)
        now = self.clock.monotonic()
        attempt = service.attempt
        if attempt is not None:
            attempt.detail, attempt.unhealthy = result.detail, result.unhealthy
        if not result.ready:
            service.next_probe = now + self._probe_interval(service)
            return service.next_probe
        service.answered = step.instance.id
        if attempt is not None and attempt.answering_at is None:
            attempt.answering_at = now
        return None

    @staticmethod
    def _probe_interval(service: Service) -> float:
        readiness = service.entry.service.spec.wake.readiness if service.entry is not None else None
        chosen = None if readiness is None else readiness.http or readiness.tcp or readiness.command
        return 0.1 if chosen is None else chosen.interval.total_seconds()

    async def _grant(self, service: Service, step: gateway.Grant) -> float | None:
        if step.instance.address and service.steering != step.instance.address:
            service.dial_failed = False
            self._steer(service, step.instance.address)
        in_flight = await self._in_flight_now(service) if service.dial_failed or len(service.holds) > WINDOW else 0
        now = self.clock.monotonic()
        if service.dial_failed:
            service.dial_failed = False
            if in_flight == 0:
                service.doubt()
                return now + PACE
        due = service.holds.release(now, in_flight=in_flight)
        if service.attempt is not None:
            self._woke(service, service.attempt.phases(now))
        self._dependencies.served(service)
        service.granted()
        return due

    async def _in_flight_now(self, service: Service) -> int:
        try:
            return (await self._edge.in_flight()).of(service.key)
        except EdgeUnavailable:
            return 0

    def _woke(self, service: Service, phases: dict[str, float]) -> None:
        attempt = service.attempt
        if attempt is None or attempt.started_at is None:
            return
        self.metrics.woke(service.key, WakeReason.REQUEST if attempt.asker else WakeReason.DEPENDANT, phases)
        reason = WakeReason.REQUEST if attempt.asker is not None else WakeReason.DEPENDANT
        self._journal.record(Event(self.clock.now(), service.key, EventKind.WOKE, reason, asker=attempt.asker, phases=phases))

    def _refuse(self, service: Service) -> None:
        refusal = service.refusal(self.clock.monotonic())
        if refusal is not None:
            for _ in range(service.holds.refuse(refusal)):
                self.metrics.rejected(refusal.reason)
        service.attempt = None

    def _show(self, service: Service, status: Status) -> None:
        phase = phase_of(service, status, self.clock.monotonic())
        if phase is not service.phase:
            service.phase = phase
            self.progressed.announce(service.key)
