"""Where questions come in: the gatekeeper behind the activator's HTTP side."""

import asyncio
from collections.abc import AsyncIterator

from wakedock_operator.ports.journal import Journal
from wakedock_operator.resource import Key, Spec, WakeService

from .activator import Activator
from .questions import Granted, Phase, Progress, Question, Refusal, RefusalReason
from .service import Service


class Desk:
    """Implements `Gatekeeper` over an activator's services."""

    def __init__(self, activator: Activator, journal: Journal) -> None:
        self._activator = activator
        self._journal = journal
        self._typical: dict[Key, float | None] = {}

    def service(self, key: Key) -> WakeService | None:
        """See Gatekeeper."""
        service = self._activator.services.get(key)
        return None if service is None or service.entry is None else service.entry.service

    async def hold(self, question: Question) -> Granted | Refusal:
        """See Gatekeeper."""
        service, refusal = self._admit(question)
        if service is None or refusal is not None:
            return self._rejected(refusal or Refusal(RefusalReason.UNKNOWN))
        spec = self._spec(service)
        left = spec.wake.timeout.total_seconds() - question.age
        if len(service.holds) >= spec.wake.max_held:
            return self._rejected(Refusal(RefusalReason.TOO_MANY_HELD))
        if self._activator.held >= self._activator.options.max_held:
            # Others fill the house: this app is woken all the same, so that the same request finds it awake a little later.
            self.visit(question)
            return self._rejected(Refusal(RefusalReason.TOO_MANY_HELD))
        if left <= 0:
            return self._rejected(service.timed_out())
        now = self._activator.clock.monotonic()
        service.ask(question, now)
        if service.steering is not None:
            service.dial_came_back()
            service.holds.overran()
        self._activator.wake_up(service.key)
        self._parked(1)
        try:
            async with asyncio.timeout(left):
                return await service.holds.park(question, now)
        except TimeoutError:
            return self._rejected(service.timed_out())
        finally:
            self._parked(-1)
            self._activator.wake_up(service.key)

    def visit(self, question: Question) -> Refusal | None:
        """See Gatekeeper."""
        service, refusal = self._admit(question)
        if service is None or refusal is not None:
            return refusal or Refusal(RefusalReason.UNKNOWN)
        now = self._activator.clock.monotonic()
        service.ask(question, now)
        service.visited_until = now + self._spec(service).wake.timeout.total_seconds()
        if service.steering is not None:
            service.dial_came_back()
        self._activator.wake_up(service.key)
        return None

    def progress(self, key: Key) -> Progress:
        """See Gatekeeper."""
        service = self._activator.services.get(key)
        if service is None:
            return Progress(Phase.FAILED)
        attempt = service.attempt
        elapsed = 0.0 if attempt is None else self._activator.clock.monotonic() - attempt.asked_at
        failure = service.failure if service.phase is Phase.FAILED else service.trouble
        return Progress(service.phase, elapsed, self._typical.get(key), None if failure is None else failure.reason)

    async def follow(self, key: Key) -> AsyncIterator[Progress]:
        """See Gatekeeper."""
        self._typical[key] = await self._journal.typical_wake(key)
        async for changed in self._activator.progressed.follow([key]):
            if changed == key:
                yield self.progress(key)

    def _admit(self, question: Question) -> tuple[Service | None, Refusal | None]:
        service = self._activator.services.get(question.key)
        if service is None:
            return None, None
        return service, service.refusal(self._activator.clock.monotonic())

    @staticmethod
    def _spec(service: Service) -> Spec:
        if service.entry is None:
            message = f"{service.key} has ended"
            raise LookupError(message)
        return service.entry.service.spec

    def _parked(self, more: int) -> None:
        self._activator.held += more
        self._activator.metrics.held(self._activator.held)

    def _rejected(self, refusal: Refusal) -> Refusal:
        self._activator.metrics.rejected(refusal.reason)
        return refusal
