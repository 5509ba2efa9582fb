"""A gateway's keeping of its services: gather the facts, ask the rules, have one step carried out, again, until there is nothing to do."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.core import gateway
from wakedock_operator.core.idleness import Idleness
from wakedock_operator.core.status import ReportKind, Serving, Status
from wakedock_operator.ports.board import Board
from wakedock_operator.ports.catalog import Catalog, Entry, Snapshot
from wakedock_operator.ports.changes import Changes
from wakedock_operator.ports.clock import Clock
from wakedock_operator.ports.edge import Edge
from wakedock_operator.ports.journal import Journal
from wakedock_operator.ports.workloads import Waking
from wakedock_operator.resource import Key
from wakedock_operator.workqueue import WorkQueue

from .activity import Activity
from .dependencies import Dependencies
from .options import GatewayOptions
from .phases import phase_of
from .service import Service
from .steps import Steps


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
        self._snapshot = Snapshot()
        self._board = board
        self._workloads = workloads
        self._edge = edge
        self._queue: WorkQueue[Key] = WorkQueue(self._work, name="gateway", told=metrics.reconciled)
        self._dependencies = Dependencies(self.services, board, self._queue)
        self._activity = Activity(edge, clock)
        self._steps = Steps(
            name=options.name,
            board=board,
            workloads=workloads,
            edge=edge,
            journal=journal,
            clock=clock,
            metrics=metrics,
            activity=self._activity,
            dependencies=self._dependencies,
        )

    def __repr__(self) -> str:
        return f"Activator({self.options.name}, {len(self.services)} services, {self.held} held)"

    def take_over(self) -> None:
        """Know the services, so that a question about them can be answered. The edge must have been started."""
        self._take(self._catalog.current())
        for key in self._board.keys() - self.services.keys():
            # It ended while nobody looked: its drain needs this gateway's word all the same.
            self.services[key] = self._new(key, None)
            self._queue.add(key)

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
        before, self._snapshot = self._snapshot, snapshot
        for key, entry in snapshot.entries.items():
            known = self.services.get(key)
            if known is None:
                self.services[key] = self._new(key, entry)
            elif known.entry is not entry:
                if known.entry is not None and known.entry.service.spec != entry.service.spec:
                    self._dependencies.mended(key)
                known.entry = entry
                known.idleness = replace(known.idleness, timeout=entry.service.spec.idle_timeout.total_seconds())
            else:
                continue
            self._queue.add(key)
        for key, service in self.services.items():
            if key not in snapshot.entries and service.entry is not None:
                service.entry = None
                self._queue.add(key)
        if not snapshot.defines_as(before):
            self._dependencies.take(snapshot)

    def _new(self, key: Key, entry: Entry | None) -> Service:
        timeout = entry.service.spec.idle_timeout.total_seconds() if entry is not None else 0.0
        return Service(key, entry, Idleness(timeout), steering=self._edge.steering(key))

    async def _follow_board(self) -> None:
        async for key in self._board.watch():
            self._queue.add(key)
            self._dependencies.changed(key)

    async def _follow_workloads(self) -> None:
        async for key in self._workloads.watch():
            service = self.services.get(key)
            if service is not None:
                service.backend = None
                service.changes += 1
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
            pause = await self._steps.carry_out(service, facts, step)
            self._show(service, facts.status)
            if isinstance(step, gateway.Rest):
                if service.attempt is not None and not (facts.held or facts.wanted or service.attempt.announced):
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
        # What it is about to say rests on a look of this moment.
        says = service.idleness.idle() and status.report_of(self.options.name) is not ReportKind.IDLE
        await self._activity.look(service, status, anew=says)
        now = self.clock.monotonic()
        # A service of that name has ended and another one follows: who waits here waits for the one that follows.
        succeeded = service.entry is not None and service.entry.uid != status.uid
        held, wanted = bool(service.holds) and not succeeded, service.wanted(now) and not succeeded
        asked = refusal is None and (held or wanted)
        dependencies_ready = await self._dependencies.ready(service, asked=asked, now=now)
        draining = service.draining
        forced = status.forced
        since = service.asked_since(now)
        return gateway.Facts(
            gateway=self.options.name,
            status=status,
            memory=service.memory,
            steering=service.steering,
            held=held,
            wanted=wanted,
            refusing=service.refusal(now) is not None,
            in_flight=not forced and (service.touched or (draining is not None and draining.in_flight)),
            lasting=draining is not None and draining.lasts(now),
            quiet=draining is not None and draining.quiet,
            idle=service.idleness.idle(),
            idle_for=service.idleness.idle_for(now),
            in_vain=status.serving is Serving.AWAKE and service.in_vain(now),
            patience_over=since is not None and now - since >= self.options.drain_patience,
            backend=service.backend,
            answered=service.answered,
            dependencies_ready=dependencies_ready,
            dependency_sleeps=self._dependencies.any_leaving(service),
            may_start=now >= service.refused_until,
            stopping=now < self._stopped_by(service, status),
        )

    def _stopped_by(self, service: Service, status: Status) -> float:
        """Until when the stop of a forced drain has its head start; 0 where there is none."""
        forced = status.serving is Serving.ASLEEP and status.drain is not None and status.drain.forced
        return service.adopted_at + self.options.head_start if forced and self.options.head_start else 0.0

    def _next_look(self, service: Service, status: Status | None) -> float | None:
        """When this service needs a look although nothing happens, on the monotonic clock."""
        now = self.clock.monotonic()
        times = [service.refused_until, service.visited_until]
        since = service.asked_since(now)
        if since is not None and status is not None and (status.forced or self._dependencies.any_leaving(service)):
            times.append(since + self.options.drain_patience)
        if since is not None and status is not None:
            times.append(self._stopped_by(service, status))
        later = [t for t in times if t > now]
        if status is not None and status.serving is Serving.AWAKE:
            later.append(max(now, service.idleness.next_look()))
            if service.idleness.idle() and (left := gateway.turn(status, self.options.name) - service.idleness.idle_for(now)) > 0:
                later.append(now + left)
        return min(later, default=None)

    def _show(self, service: Service, status: Status) -> None:
        phase = phase_of(service, status, self.clock.monotonic())
        if phase is not service.phase:
            service.phase = phase
            self.progressed.announce(service.key)
            self._dependencies.changed(service.key)
