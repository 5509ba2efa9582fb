"""A gatekeeper that a test drives by hand: it decides nothing, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from wakedock_operator.activator.questions import Gatekeeper, Granted, Phase, Progress, Question, Refusal
from wakedock_operator.resource import Key, WakeService

WEB = Key("default", "web")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class FixedClock:
    """Stands still."""

    def monotonic(self) -> float:
        return 100.0

    def now(self) -> datetime:
        return NOW


def wake_service(key: Key = WEB, **spec: Any) -> WakeService:
    """A definition with `spec` as a person writes it."""
    document = {
        "apiVersion": "wakedock.dev/v1alpha1",
        "kind": "WakeService",
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": {"hosts": ["web.example.org"], "app": {"command": ["web"]}, **spec},
    }
    return WakeService.from_document(document)


class FakeGatekeeper(Gatekeeper):
    """Holds until `decide`; the progress is what `advance` said last."""

    def __init__(self, *services: WakeService) -> None:
        self.services = {service.key: service for service in services}
        self.asked: list[Question] = []
        self.held: list[Question] = []
        self.left: list[Question] = []
        self.visits: list[Question] = []
        self.refuse_visits: Refusal | None = None
        self.now = Progress(Phase.ASKED)
        self.followers = 0
        self.fail: Exception | None = None
        self._decision: asyncio.Future[Granted | Refusal] = asyncio.get_running_loop().create_future()
        self._news = asyncio.Condition()
        self._changes: list[Progress] = [self.now]

    def service(self, key: Key) -> WakeService | None:
        return self.services.get(key)

    async def hold(self, question: Question) -> Granted | Refusal:
        if self.fail is not None:
            raise self.fail
        self.asked.append(question)
        self.held.append(question)
        await self._tell()
        try:
            return await asyncio.shield(self._decision)
        except asyncio.CancelledError:
            self.left.append(question)
            raise
        finally:
            self.held.remove(question)
            await asyncio.shield(self._tell())

    def visit(self, question: Question) -> Refusal | None:
        self.visits.append(question)
        return self.refuse_visits

    def progress(self, key: Key) -> Progress:
        return self.now

    async def follow(self, key: Key) -> AsyncIterator[Progress]:
        self.followers += 1
        await self._tell()
        seen = len(self._changes) - 1
        try:
            while True:
                async with self._news:
                    while len(self._changes) == seen:
                        await self._news.wait()
                yield self._changes[seen]
                seen += 1
        finally:
            self.followers -= 1
            await asyncio.shield(self._tell())

    def decide(self, decision: Granted | Refusal) -> None:
        """Answer everything that is held, and what comes."""
        if self._decision.done():
            self._decision = asyncio.get_running_loop().create_future()
        self._decision.set_result(decision)

    async def advance(self, progress: Progress) -> None:
        """The wake has come this far."""
        self.now = progress
        self._changes.append(progress)
        await self._tell()

    async def wait_until(self, condition: str) -> None:
        """Wait until an attribute of this gatekeeper is true, such as `held` or `followers`; with `not ` in front, until it is not."""
        name = condition.removeprefix("not ")
        async with self._news:
            await self._news.wait_for(lambda: bool(getattr(self, name)) is (name == condition))

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()
