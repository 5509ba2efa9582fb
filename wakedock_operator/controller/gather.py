"""All the reading that a decision of the controller rests on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from wakedock_operator.core import controller
from wakedock_operator.core.dependencies import dependants, reached
from wakedock_operator.core.observation import NOTHING, Observation
from wakedock_operator.core.schedule import Window, window_at
from wakedock_operator.core.status import ReportKind, Serving, Status
from wakedock_operator.core.vetoes import Situation
from wakedock_operator.ports.board import Board
from wakedock_operator.ports.catalog import Entry, Snapshot
from wakedock_operator.ports.clock import Clock
from wakedock_operator.ports.gateways import Gateways
from wakedock_operator.ports.workloads import Workloads
from wakedock_operator.resource import Key, OnExit, SleepMode

from .memory import Memory


@dataclass(slots=True)
class Gatherer:
    """Reads the backend first, then the status: a stop that rests on both fails if either moved since."""

    board: Board
    workloads: Workloads
    clock: Clock
    gateways: Gateways
    snapshot: Snapshot = field(default_factory=Snapshot)
    dependants: Mapping[Key, tuple[Key, ...]] = field(default_factory=dict)
    former: dict[Key, frozenset[Key]] = field(default_factory=dict)
    """What depended on a service by an earlier definition, and was awake by that when it changed or ended."""
    shutting_down: bool = False

    def take(self, snapshot: Snapshot) -> None:
        """Use another snapshot of the definitions."""
        before, self.snapshot = self.snapshot, snapshot
        if snapshot.defines_as(before):
            return
        earlier, self.dependants = self.dependants, dependants({key: entry.service for key, entry in snapshot.entries.items()})
        for key, needing in earlier.items():
            self.former[key] = self.former.get(key, frozenset()) | frozenset(needing)
        for key in tuple(self.former):
            self.former[key] -= frozenset(self.dependants.get(key, ()))
            self._forget_former(key)

    def related(self, key: Key) -> Iterator[Key]:
        """Everything that depends on `key`, and everything that it depends on, directly or not."""
        yield from self._all_dependants(key)
        yield from reached(key, self.dependencies)
        yield from (dependency for dependency, needing in self.former.items() if key in needing)

    async def facts(self, key: Key, memory: Memory) -> controller.Facts:
        """The facts about one service, read now."""
        backend = await self.observe(key)
        status = await self.board.read(key)
        entry = self.snapshot.entries.get(key)
        gateways, listed, unlisted = await self._gateways(status)
        now = self.clock.monotonic()
        wall = self.clock.now()
        pin = None if entry is None else entry.wishes.keep_awake_until
        if status is not None:
            memory.see(status, pin, rolling=backend.rolling, now=now, wall=wall)
        self._forget_former(key)
        ended = entry is None or (status is not None and status.uid != entry.uid)
        if entry is None or ended:
            facts = self._ended(status, backend, memory)
            return replace(facts, gateways=gateways, listed=listed, unlisted=unlisted, dependants_up=self._leaving_too(key))
        spec = entry.service.spec
        window = window_at(spec.schedule, wall)
        self._wait(status, backend, memory, now)
        dependants = tuple(self._all_dependants(key))
        needed = tuple(self._all_needed(key))
        # Of everybody who depends on it only what may matter now is looked at: it may be thousands.
        asleep = status is not None and status.serving is Serving.ASLEEP
        awake = status is not None and status.serving is Serving.AWAKE
        serves = awake and any(i.ready for i in backend.live)
        closed = window is not None and not window.awake
        facts = controller.Facts(
            now=wall,
            uid=entry.uid,
            status=status,
            backend=backend,
            gateways=gateways,
            listed=listed,
            unlisted=unlisted,
            stops_by_intent=self.workloads.stops_by_intent,
            situation=await self._situation(entry, memory, window, wall, now, awake=awake),
            suspended=spec.suspend,
            wake_wish=entry.wishes.wake,
            sleep_wish=entry.wishes.sleep,
            pinned_then=memory.pinned_then,
            rolling_then=memory.rolling_then,
            window=window,
            dependency_sleeps=any(each.leaving for each in needed),
            dependency_gives_way=status is not None and status.overdue and any(controller.gives_way(each) for each in needed),
            dependency_rewakes=any(each.leaving and each.drain is not None and each.drain.rewake for each in needed),
            dependency_rests=any(controller.rests(each) for each in needed),
            dependencies_ready=all([await self._serves(k) for k in self.dependencies(key)]),
            dependency_failed=self._dependency_failed(key, wall),
            needed=not serves and bool(self._wanted_above(key, wall)),
            supports=asleep and any(self._awake(k) for k in self.dependants.get(key, ())),
            dependant_kept=closed and any(self._awake(k) and self._kept(k, wall) for k in dependants),
            mended=memory.mended,
            postponed=now < memory.postponed_until,
            fail_fast=spec.wake.fail_fast,
            waited=0.0 if memory.waiting_since is None else now - memory.waiting_since,
            timeout=spec.wake.timeout.total_seconds(),
            looked=memory.looked,
            vetoed=memory.veto(now),
            asks_app=spec.sleep.veto is not None and bool(backend.live),
            fenced=status is not None and memory.fenced == status.epoch,
            started=memory.started,
            may_start=status is None or memory.may_start(status, now),
            shutdown=self.shutting_down and spec.sleep.on_exit is OnExit.SLEEP,
        )
        idle = awake and all(status is not None and status.report_of(g) is ReportKind.IDLE for g in gateways)
        if status is None or not (idle or status.leaving or controller.forced_by(facts, status) is not None):
            return facts
        return replace(
            facts,
            dependants_up=(*[k for k in self.dependants.get(key, ()) if await self._up(k)], *self._leaving_too(key)),
            withstood=self._withstood(dependants, wall),
        )

    async def observe(self, key: Key) -> Observation:
        """A consistent look; nothing where the backend does not know the service."""
        try:
            return await self.workloads.observe(key)
        except KeyError:
            return NOTHING

    async def _gateways(self, status: Status | None) -> tuple[frozenset[str], bool, str]:
        """Who counts, whether that was listed just now, and why it could not be. Listed where a decision of this moment rests on it."""
        last = self.gateways.last()
        if not self.gateways.come_and_go or status is None or not controller.rests_on_gateways(status, last):
            return last, False, ""
        try:
            return await self.gateways.names(), True, ""
        except OSError as error:
            return last, False, str(error)

    def _ended(self, status: Status | None, backend: Observation, memory: Memory) -> controller.Facts:
        known = "" if memory.made is None else memory.made[0]
        return controller.Facts(
            now=self.clock.now(),
            uid=known if status is None else status.uid,
            record_dies=self.board.dies_with_definition,
            stops_by_intent=self.workloads.stops_by_intent,
            status=status,
            backend=backend,
            gateways=self.gateways.last(),
            situation=Situation(now=self.clock.now()),
            defined=False,
            looked=memory.looked,
            fenced=status is not None and memory.fenced == status.epoch,
            waited=0.0,
        )

    async def _situation(
        self, entry: Entry, memory: Memory, window: Window | None, wall: datetime, now: float, *, awake: bool
    ) -> Situation:
        sleep = entry.service.spec.sleep
        awake_for = now - memory.epoch_since
        least = sleep.min_awake.total_seconds() if sleep.min_awake is not None else 0.0
        return Situation(
            now=wall,
            never_sleeps=sleep.mode is SleepMode.NEVER,
            pinned_until=entry.wishes.keep_awake_until,
            awake_window_ends=window.ends if window is not None and window.awake else None,
            dependants_awake=await self._dependants_awake(entry.key, wall) if awake else (),
            min_awake_left=least - awake_for,
        )

    def _wait(self, status: Status | None, backend: Observation, memory: Memory, now: float) -> None:
        """How long a wake has been waited for: from the first look that saw it asked for, and anew from the first that saw it started."""
        waking = status is not None and status.serving is not Serving.AWAKE
        starting = waking and backend.desired > 0
        if not starting and not (waking and status is not None and status.busy):
            memory.waiting_since = None
        elif memory.waiting_since is None or memory.starting is not starting:
            memory.waiting_since = now
        memory.starting = starting

    def dependencies(self, key: Key) -> Iterator[Key]:
        """What `key` depends on directly."""
        entry = self.snapshot.entries.get(key)
        if entry is not None:
            yield from entry.service.dependencies

    def _all_needed(self, key: Key) -> Iterator[Status]:
        """The statuses of everything that `key` depends on, directly or not, and that is not ended."""
        for each in reached(key, self.dependencies):
            status = self.board.view(each)
            if status is not None and each in self.snapshot.entries:
                yield status

    def _all_dependants(self, key: Key) -> Iterator[Key]:
        return reached(key, lambda each: self.dependants.get(each, ()))

    def _withstood(self, dependants: Iterable[Key], wall: datetime) -> bool:
        """Requests to one of these have waited for too long, or it is wanted by something newer."""
        for key in dependants:
            entry, theirs = self.snapshot.entries.get(key), self.board.view(key)
            if entry is None or theirs is None:
                continue
            if theirs.overdue:
                return True
            asleep = theirs.serving is Serving.ASLEEP
            if asleep and controller.overrules(self._partial(entry, theirs, NOTHING, wall), theirs):
                return True
        return False

    def _dependency_failed(self, key: Key, wall: datetime) -> str:
        """The first of what it depends on, directly or through what is not awake, that cannot be woken at present, and why."""
        for each in reached(key, lambda k: () if k != key and self._awake(k) else self.dependencies(k)):
            why = self._unwakeable(each, wall)
            if why:
                return f"{each}, on which it depends, {why}"
        return ""

    async def _dependants_awake(self, key: Key, wall: datetime) -> tuple[Key, ...]:
        """What keeps it from idleness: who depends on it and is not asleep, or is to be woken through others that depend on it."""
        direct = [each for each in self.dependants.get(key, ()) if await self._not_asleep(each, wall)]
        return (*direct, *self.former.get(key, frozenset()).difference(direct)) or self._wanted_above(key, wall)

    def _wanted_above(self, key: Key, wall: datetime) -> tuple[Key, ...]:
        """What depends on it and is to be woken without a request, as far as all in between can be woken at present."""
        above = reached(key, lambda each: (k for k in self.dependants.get(each, ()) if not self._unwakeable(k, wall)))
        return tuple(each for each in above if self._wants(each, wall))

    def _unwakeable(self, key: Key, wall: datetime) -> str:
        entry = self.snapshot.entries.get(key)
        return controller.unwakeable(self.board.view(key), suspended=entry is not None and entry.service.spec.suspend, now=wall)

    async def _not_asleep(self, key: Key, wall: datetime) -> bool:
        """It serves, or it is waking: somebody waits for it, it is started, or wanted. A wake that was left before its start is none."""
        status = self.board.view(key)
        if status is None:
            return False
        if status.serving is not Serving.ASLEEP or self._wants(key, wall):
            return True
        said = [r for r in status.gateways if r.kind is ReportKind.BUSY and r.epoch == status.epoch]
        return any(r.holding for r in said) or (bool(said) and (await self.observe(key)).desired > 0)

    def _forget_former(self, key: Key) -> None:
        """Who depended on `key` by an earlier definition does so no more once it has been asleep."""
        awake = frozenset(each for each in self.former.get(key, ()) if self._up_by_status(each))
        if awake:
            self.former[key] = awake
        else:
            self.former.pop(key, None)

    def _leaving_too(self, key: Key) -> tuple[Key, ...]:
        """What depended on it by an earlier definition, and is on its way out: a forced sleep waits for that too, as it does not last."""
        return tuple(each for each in self.former.get(key, ()) if each not in self.snapshot.entries or self._drains(each))

    def _drains(self, key: Key) -> bool:
        status = self.board.view(key)
        return status is not None and status.serving is Serving.DRAINING

    def _up_by_status(self, key: Key) -> bool:
        status = self.board.view(key)
        return status is not None and status.serving is not Serving.ASLEEP

    async def _up(self, key: Key) -> bool:
        """It serves, runs, or is to run."""
        if self._up_by_status(key):
            return True
        backend = await self.observe(key)
        return backend.desired > 0 or bool(backend.instances)

    async def _serves(self, key: Key) -> bool:
        """It is awake, and there: nobody but WakeDock starts again what crashed."""
        if key not in self.snapshot.entries:
            return True
        if not self._awake(key):
            return False
        backend = await self.observe(key)
        return backend.generation is not None or any(i.ready for i in backend.live)

    def _awake(self, key: Key) -> bool:
        status = self.board.view(key)
        return status is not None and status.serving is Serving.AWAKE

    def _kept(self, key: Key, wall: datetime) -> bool:
        entry, status = self.snapshot.entries.get(key), self.board.view(key)
        return entry is not None and status is not None and controller.kept(self._partial(entry, status, NOTHING, wall))

    def _wants(self, key: Key, wall: datetime) -> bool:
        """Whether `key`, asleep, is to be woken without a request for its own sake."""
        entry, status = self.snapshot.entries.get(key), self.board.view(key)
        if entry is None or status is None or status.serving is not Serving.ASLEEP:
            return False
        return controller.wanted_by(self._partial(entry, status, NOTHING, wall), status) is not None

    def _partial(self, entry: Entry, status: Status, backend: Observation, wall: datetime) -> controller.Facts:
        """Facts enough to say what a service wants for itself."""
        spec, needed = entry.service.spec, tuple(self._all_needed(entry.key))
        return controller.Facts(
            now=wall,
            uid=entry.uid,
            status=status,
            backend=backend,
            gateways=self.gateways.last(),
            situation=Situation(now=wall, pinned_until=entry.wishes.keep_awake_until),
            suspended=spec.suspend,
            wake_wish=entry.wishes.wake,
            sleep_wish=entry.wishes.sleep,
            window=window_at(spec.schedule, wall),
            dependency_sleeps=any(each.leaving for each in needed),
            dependency_rests=any(controller.rests(each) for each in needed),
            shutdown=self.shutting_down and spec.sleep.on_exit is OnExit.SLEEP,
        )
