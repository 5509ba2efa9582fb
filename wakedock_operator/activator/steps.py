"""Carrying out what the rules decide: which port call each step is, and how fast probes and grants follow each other."""

from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.core import gateway
from wakedock_operator.core.idleness import Idleness, adopted
from wakedock_operator.core.observation import NOTHING, Instance, Observation
from wakedock_operator.core.status import Report, ReportKind, Serving, Status, WakeReason
from wakedock_operator.ports.board import Board
from wakedock_operator.ports.clock import Clock
from wakedock_operator.ports.edge import Edge
from wakedock_operator.ports.journal import Event, EventKind, Journal
from wakedock_operator.ports.workloads import Waking

from .activity import Activity
from .dependencies import Dependencies
from .holds import PACE, WINDOW
from .service import Attempt, Service

LOOK_AGAIN = 1.0
"""Seconds for which an instance that does not answer is asked before the backend is looked at again: it may be gone meanwhile."""


class Steps:
    """The hands of one gateway, `name`."""

    def __init__(
        self,
        *,
        name: str,
        board: Board,
        workloads: Waking,
        edge: Edge,
        journal: Journal,
        clock: Clock,
        metrics: Metrics,
        activity: Activity,
        dependencies: Dependencies,
    ) -> None:
        self._name = name
        self._board = board
        self._workloads = workloads
        self._edge = edge
        self._journal = journal
        self._clock = clock
        self._metrics = metrics
        self._activity = activity
        self._dependencies = dependencies

    async def carry_out(self, service: Service, facts: gateway.Facts, step: gateway.Step) -> float | None:
        """Carry one step out and remember it; returns until when to pause before the next one, None to go on at once."""
        pause: float | None = None
        answer: Status | None = None
        match step:
            case gateway.Steer():
                self._steer(service, step.address)
                if step.address is not None and service.attempt is not None and not facts.asked:
                    self._woke(service, service.attempt)
                    service.attempt = None
            case gateway.Adopt():
                self._adopt(service, facts.status)
            case gateway.Say():
                answer = await self._say(service, facts.status, step)
                if answer is None or (seen := self._board.view(service.key)) is None or seen.version < answer.version:
                    pause = self._clock.monotonic() + 1.0
            case gateway.LookInFlight():
                pause = await self._activity.drain(service, facts.status.epoch, before=facts.status.before(self._name))
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
        self._metrics.steered()

    def _adopt(self, service: Service, status: Status) -> None:
        now = self._clock.monotonic()
        restarted = service.memory.epoch == -1
        if restarted and service.steering is None:
            # Both files: the one for ignored requests may be missing, or show what this gateway's predecessor did not finish.
            self._edge.steer(service.key, None)
        timeout = service.idleness.timeout
        if not gateway.keeps_look(service.memory, status):
            service.backend = None
        service.adopted(status, now)
        if restarted and status.serving is Serving.ASLEEP and status.report_of(self._name) is ReportKind.BUSY:
            # Said by its predecessor: the wake that follows is this gateway's to tell.
            said = status.entry_of(self._name)
            service.attempt = service.attempt or Attempt(now, None if said is None else said.asker)
            service.attempt.announced = True
        if status.serving is Serving.AWAKE:
            service.touched = False
            service.last_request = now
            if restarted:
                self._edge.touched(service.key)  # armed anew: what came before is in the time of the last touch
            touched = self._edge.last_touch(service.key)
            if restarted and touched is not None:
                used = max(touched, status.since.timestamp())
                service.idleness = adopted(timeout, now=now, quiet_for=self._clock.now().timestamp() - used)
            else:
                service.idleness = Idleness(timeout, looked=now)

    async def _say(self, service: Service, status: Status, step: gateway.Say) -> Status | None:
        asker = None
        if step.kind is ReportKind.BUSY:
            # Who asked first in this epoch stays on record when nobody waits any more: a failure is told with it.
            said = status.entry_of(self._name)
            asker = said.asker if said is not None and said.epoch == status.epoch else None
            asker = asker or (service.attempt.asker if service.attempt is not None else None)
        report = Report(self._name, step.kind, status.epoch, step.holding, step.overdue, asker)
        answer = await self._board.report(service.key, status.uid, report)
        if service.attempt is not None and step.kind is ReportKind.BUSY and (status.serving is Serving.ASLEEP or status.forced):
            service.attempt.announced, service.attempt.stays = True, status.forced
        return answer

    async def _observe(self, service: Service) -> float | None:
        seen = service.changes
        try:
            observed = await self._workloads.observe(service.key)
        except KeyError:
            service.backend = NOTHING
            return self._clock.monotonic() + 1.0
        if seen != service.changes:
            return None  # something changed while it was looked at: look again
        service.backend = observed
        service.observed_at = self._clock.monotonic()
        fail_fast = service.entry is not None and service.entry.service.spec.wake.fail_fast
        service.saw_failure(service.backend.failure, self._clock.monotonic(), fail_fast=fail_fast)
        if all(instance.id != service.answered for instance in _addresses(service.backend)):
            service.answered = None
        if service.backend.desired > 0:
            self._dependencies.moved(service)
        return None

    async def _start(self, service: Service) -> float | None:
        service.ask(None, self._clock.monotonic())
        await self._workloads.start(service.key)
        service.backend = None
        if service.attempt is not None and service.attempt.started_at is None:
            service.attempt.started_at = self._clock.monotonic()
        return None

    async def _probe(self, service: Service, step: gateway.Probe) -> float | None:
        now = self._clock.monotonic()
        if now < service.next_probe:
            return service.next_probe
        result = await self._workloads.probe(service.key, step.instance.id)
        now = self._clock.monotonic()
        attempt = service.attempt
        if attempt is not None:
            attempt.detail, attempt.unhealthy = result.detail, result.unhealthy
        if not result.ready:
            if now - service.observed_at >= LOOK_AGAIN:
                service.backend = None
            service.next_probe = now if result.waited else now + self._probe_interval(service)
            return service.next_probe
        service.answered = step.instance.id
        if result.address and service.backend is not None:
            service.backend = service.backend.at(step.instance.id, result.address)
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
        in_flight = await self._activity.in_flight(service) if service.dial_failed or len(service.holds) > WINDOW else 0
        now = self._clock.monotonic()
        if service.dial_failed:
            service.dial_failed = False
            # Nobody but this gateway writes steering files, but anybody may have cleared the directory.
            self._edge.steer(service.key, service.steering)
            if in_flight == 0:
                service.doubt()
                return now + PACE
        due = service.holds.release(now, in_flight=in_flight)
        if service.attempt is not None:
            self._woke(service, service.attempt)
        self._dependencies.moved(service)
        service.granted(now)
        return due

    def _woke(self, service: Service, attempt: Attempt) -> None:
        if attempt.started_at is None and not attempt.announced:
            return
        phases = attempt.phases(self._clock.monotonic())
        reason = WakeReason.REQUEST if attempt.asker is not None else WakeReason.DEPENDANT
        self._metrics.woke(service.key, reason, phases)
        self._journal.record(Event(self._clock.now(), service.key, EventKind.WOKE, reason, asker=attempt.asker, phases=phases))

    def _refuse(self, service: Service) -> None:
        refusal = service.refusal(self._clock.monotonic())
        if refusal is not None:
            for _ in range(service.holds.refuse(refusal)):
                self._metrics.rejected(refusal.reason)
        service.attempt = None


def _addresses(backend: Observation) -> tuple[Instance, ...]:
    """Everything that a probe may have been sent to."""
    return backend.live if backend.stable is None else (*backend.live, backend.stable)
