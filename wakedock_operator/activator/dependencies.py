"""A dependant that wakes makes its gateway wake what it depends on, and one that is awake makes it start again what crashed."""

from collections.abc import Iterable, Mapping

from wakedock_operator.core.dependencies import dependants, reached
from wakedock_operator.core.status import Failure, FailureReason, Serving
from wakedock_operator.ports.board import Board
from wakedock_operator.ports.catalog import Entry, Snapshot
from wakedock_operator.resource import DependencyWait, Key
from wakedock_operator.workqueue import WorkQueue

from .service import Service


class Dependencies:
    """Who needs whom at one gateway. A need is a question without a client: `Service.needed_by`."""

    def __init__(self, services: dict[Key, Service], board: Board, queue: WorkQueue[Key]) -> None:
        self._services = services
        self._board = board
        self._queue = queue
        self._dependants: Mapping[Key, tuple[Key, ...]] = {}

    def take(self, snapshot: Snapshot) -> None:
        """Read the dependencies anew."""
        before, self._dependants = self._dependants, dependants({key: entry.service for key, entry in snapshot.entries.items()})
        for key in before.keys() - self._dependants.keys():
            self._add(before[key])
        for key, service in self._services.items():
            if not service.needed_by <= frozenset(self._dependants.get(key, ())):
                service.needed_by.intersection_update(self._dependants.get(key, ()))
                self._queue.add(key)

    def mended(self, key: Key) -> None:
        """The definition of `key` changed: what failed by the one before is tried anew, and so is what failed with it."""
        for each in (key, *self._all_dependants(key)):
            service = self._services.get(each)
            failed_with = service is not None and service.failure is not None and service.failure.reason is FailureReason.DEPENDENCY_FAILED
            if service is not None and (each == key or failed_with):
                service.mended()
                self._queue.add(each)

    def changed(self, key: Key) -> None:
        """Something about `key` changed: what waits for it, or works with it, looks again."""
        dependants = (self._services.get(k) for k in self._all_dependants(key))
        self._add(s.key for s in dependants if s is not None and (s.attempt is not None or s.steering is not None))

    def moved(self, service: Service) -> None:
        """`service` was seen to run, or takes requests: who needed it goes on."""
        self._add(service.needed_by)

    def _add(self, keys: Iterable[Key]) -> None:
        for key in tuple(keys):
            self._queue.add(key)

    async def ready(self, service: Service, *, asked: bool, now: float) -> bool:
        """Whether `service` may start as far as its dependencies go; asks for what is not up, and takes the need back when nobody asks.

        What was only to be started first is needed until it is up, although `service` may serve before that; and what crashed under a
        `service` in use is needed again, as no request of its own may ever come.
        """
        if service.entry is None:
            return True
        ready = True
        for dependency in service.entry.service.spec.depends_on:
            other = self._services.get(Key(service.key.namespace, dependency.name))
            if other is None or other.entry is None:
                continue
            together = dependency.wait is DependencyWait.STARTED
            needs = service.key in other.needed_by
            in_use = self._in_use(service) and (together or needs or self._crashed(other))
            if not (asked or in_use) or self._up(other):
                if needs:
                    other.needed_by.remove(service.key)
                    self._queue.add(other.key)
                continue
            ready = ready and together and self._started(other)
            refusal = other.refusal(now)
            if refusal is not None:
                if asked:
                    self._fail(service, other, now + refusal.retry_after)
            elif not needs:
                other.ask(None, now)
                other.needed_by.add(service.key)
                self._queue.add(other.key)
        return ready

    def any_leaving(self, service: Service) -> bool:
        """Whether something that `service` depends on, directly or not, sleeps by force as soon as `service` does."""
        statuses = (self._board.view(each) for each in reached(service.key, self._needed) if self._entry(each) is not None)
        return any(status is not None and status.leaving for status in statuses)

    def _all_dependants(self, key: Key) -> Iterable[Key]:
        return reached(key, lambda each: self._dependants.get(each, ()))

    def _needed(self, key: Key) -> tuple[Key, ...]:
        entry = self._entry(key)
        return () if entry is None else entry.service.dependencies

    def _entry(self, key: Key) -> Entry | None:
        service = self._services.get(key)
        return None if service is None else service.entry

    def _in_use(self, service: Service) -> bool:
        """Requests are on their way to it, or may still be with it."""
        status = self._board.view(service.key)
        return service.steering is not None or (status is not None and status.serving is Serving.DRAINING)

    def _started(self, other: Service) -> bool:
        return self._stays(other) and other.backend is not None and other.backend.desired > 0

    def _up(self, other: Service) -> bool:
        return self._stays(other) and (other.steering is not None or other.answered is not None)

    def _crashed(self, other: Service) -> bool:
        """It ended by itself while awake. Where a backend counts what is asked of it, it restarts apps, and zero is somebody's wish."""
        status = self._board.view(other.key)
        awake = status is not None and status.serving is Serving.AWAKE
        return awake and other.backend is not None and other.backend.desired == 0 and other.backend.generation is None

    def _stays(self, other: Service) -> bool:
        """It is not on its way to sleep: no drain, or one that this gateway has ended by letting something through."""
        status = self._board.view(other.key)
        if status is None or status.serving is not Serving.DRAINING:
            return status is not None
        return other.memory.epoch == status.epoch and other.memory.let_through

    def _fail(self, service: Service, other: Service, until: float) -> None:
        """Fail with `other`, and tell what needs `service` itself: it fails too."""
        service.failure = Failure(f"{other.key}", FailureReason.DEPENDENCY_FAILED, f"{other.key}, on which it depends, cannot be woken")
        service.refused_until = until
        self._add(service.needed_by)
