"""Workloads in memory: the test decides when an instance starts, answers, crashes and goes."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from wakedock_operator.core.observation import Instance, Observation
from wakedock_operator.core.status import Failure, FailureReason
from wakedock_operator.ports.changes import Changes
from wakedock_operator.ports.workloads import ProbeResult, Unsupported, VersionMoved, VetoResult
from wakedock_operator.resource import Key, SleepMode, WakeService

READY = ProbeResult(ready=True, detail="HTTP 200")
NOT_YET = ProbeResult(ready=False, detail="connection refused")


@dataclass(slots=True)
class _Workload:
    uid: str
    definition: WakeService | None
    desired: int = 0
    moves: int = 0
    instances: dict[str, Instance] = field(default_factory=dict)
    started_from: WakeService | None = None
    failure: Failure | None = None
    answers: dict[str, ProbeResult] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    undone: bool = False


def _made_of(service: WakeService | None) -> tuple[object, ...]:
    """What a running instance was made of; a change of anything else leaves it as it is."""
    return () if service is None else (service.spec.app, service.spec.port)


class FakeWorkloads:
    """The whole port for one-instance workloads. By itself nothing happens after a start or a stop: the script methods make it happen.

    With `prompt=True` the backend acts at once: a start brings an instance that answers, a stop takes it away.
    """

    stops_by_intent = True

    def __init__(self, *, prompt: bool = False) -> None:
        self.prompt = prompt
        self.calls: list[tuple[str, Key]] = []
        """Every start, stop and fence that was carried out, in order."""
        self.refusals: dict[Key, str] = {}
        self.vetoes: dict[Key, VetoResult] = {}
        self.refused_starts: dict[Key, Failure] = {}
        """What a start ends with at once, as long as it stands here; each under an id of its own."""
        self.bypassed: dict[Key, Sequence[str]] = {}
        self.unmakeable: dict[Key, str] = {}
        """Why `ensure` cannot make what is asked for, as long as it stands here."""
        self.looks = 0
        """Calls of `observe`."""
        self.made: list[Key] = []
        """Every call of `ensure`, in order."""
        self._workloads: dict[Key, _Workload] = {}
        self._born: defaultdict[Key, int] = defaultdict(int)
        self._changes: Changes[Key] = Changes()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}: {w.desired} {list(w.instances)}' for k, w in sorted(self._workloads.items()))})"

    # What a test decides.

    def appear(self, key: Key, *, addressed: bool = True) -> str:
        """The backend brings the instance that is asked for; returns its id. An address that it does not have yet is found by a probe."""
        workload = self._workloads[key]
        assert workload.desired == 1, f"nobody asked for an instance of {key}"  # noqa: S101 - a mistake of the test
        assert not workload.instances, f"{key} has an instance already"  # noqa: S101
        self._born[key] += 1
        name = f"{key.name}-{self._born[key]}"
        workload.instances[name] = Instance(id=name, address=f"127.0.0.1:{20_000 + self._born[key]}" if addressed else "")
        workload.started_from = workload.definition
        self._changes.announce(key)
        return name

    def answer(self, key: Key, instance: str, result: ProbeResult = READY) -> None:
        """What a probe of this instance finds from now on."""
        self._workloads[key].answers[instance] = result
        self._changes.announce(key)

    def vanish(self, key: Key, instance: str) -> None:
        """A terminating instance is gone."""
        gone = self._workloads[key].instances.pop(instance)
        assert gone.terminating, f"{instance} is not terminating: stop it or let it crash"  # noqa: S101 - a mistake of the test
        self._changes.announce(key)

    def crash(self, key: Key, instance: str, message: str = "the process exited with code 1") -> None:
        """An instance ends by itself; nothing starts it again."""
        workload = self._workloads[key]
        gone = workload.instances.pop(instance)
        if not gone.terminating:
            workload.desired = 0
            workload.failure = Failure(instance, FailureReason.EXITED, message)
        self._changes.announce(key)

    def fail(self, key: Key, failure: Failure) -> None:
        """The start under way fails."""
        workload = self._workloads[key]
        workload.desired, workload.failure = 0, failure
        self._changes.announce(key)

    def adopt(self, key: Key, uid: str) -> str:
        """A ready instance without a definition was found at the start; returns its id."""
        self._workloads[key] = _Workload(uid=uid, definition=None, desired=1)
        name = self.appear(key)
        self._workloads[key].instances[name] = replace(self._workloads[key].instances[name], ready=True)
        self.answer(key, name)
        return name

    def undo(self, key: Key) -> None:
        """Somebody takes away something that `ensure` made."""
        self._workloads[key].undone = True
        self._changes.announce(key)

    def write(self, key: Key, *lines: str) -> None:
        """The app writes these lines."""
        self._workloads[key].lines.extend(lines)
        self._changes.announce(key)

    # The port.

    def refusal(self, service: WakeService) -> str | None:
        """See Workloads."""
        return self.refusals.get(service.key)

    async def ensure(self, service: WakeService, uid: str) -> None:
        """See Workloads."""
        workload = self._workloads.setdefault(service.key, _Workload(uid=uid, definition=None))
        self.made.append(service.key)
        if service.key in self.unmakeable:
            raise Unsupported(self.unmakeable[service.key])
        workload.undone = False
        if (workload.uid, workload.definition) == (uid, service):
            return
        if workload.started_from is None:
            # An adopted instance was started from what is now declared again.
            workload.started_from = service
        workload.uid, workload.definition = uid, service
        self._changes.announce(service.key)

    def bypasses(self, key: Key) -> Sequence[str]:
        """See Workloads."""
        return self.bypassed.get(key, ())

    async def remove(self, key: Key, uid: str) -> None:
        """See Workloads."""
        workload = self._workloads.get(key)
        if workload is not None and workload.uid == uid:
            del self._workloads[key]
            self._changes.announce(key)

    def keys(self) -> frozenset[Key]:
        """See Workloads."""
        return frozenset(self._workloads)

    async def observe(self, key: Key) -> Observation:
        """See Workloads."""
        self.looks += 1
        workload = self._workloads[key]
        instances = tuple(workload.instances.values())
        live = [each for each in instances if not each.terminating]
        return Observation(
            desired=workload.desired,
            settled=workload.desired == len(live),
            version=str(workload.moves),
            instances=instances,
            failure=workload.failure,
            undone=workload.undone,
            outdated=bool(live) and workload.definition is not None and _made_of(workload.started_from) != _made_of(workload.definition),
        )

    async def start(self, key: Key) -> None:
        """See Workloads."""
        workload = self._workloads[key]
        if workload.desired:
            return
        self.calls.append(("start", key))
        workload.desired, workload.failure = 1, None
        self._move(key)
        if key in self.refused_starts:
            self.fail(key, replace(self.refused_starts[key], id=f"start-{workload.moves}"))
        elif self.prompt and not workload.instances:
            self.answer(key, self.appear(key))

    async def fence(self, key: Key) -> None:
        """See Workloads."""
        self.calls.append(("fence", key))
        self._move(key)

    async def stop(self, key: Key, version: str) -> None:
        """See Workloads."""
        workload = self._workloads[key]
        if version != str(workload.moves):
            raise VersionMoved(f"{key} was started or fenced since it was observed")
        self.calls.append(("stop", key))
        paused = workload.definition is not None and workload.definition.spec.sleep.mode is SleepMode.PAUSE
        workload.desired = 0
        for name, instance in tuple(workload.instances.items()):
            if paused or self.prompt:
                del workload.instances[name]
            else:
                workload.instances[name] = replace(instance, terminating=True)
        self._move(key)

    async def probe(self, key: Key, instance: str) -> ProbeResult:
        """See Workloads."""
        workload = self._workloads[key]
        present = workload.instances.get(instance)
        if present is None or present.terminating:
            return ProbeResult(ready=False, detail="the instance is gone")
        result = workload.answers.get(instance, NOT_YET)
        if result.ready and result.address and not present.address:
            workload.instances[instance] = replace(present, ready=True, address=result.address)
        elif result.ready and not present.ready:
            workload.instances[instance] = replace(present, ready=True)
            self._changes.announce(key)
        return result

    async def ask_veto(self, key: Key) -> VetoResult:
        """See Workloads."""
        return self.vetoes.get(key, VetoResult(vetoed=False, detail="HTTP 200"))

    async def logs(self, key: Key, *, lines: int) -> tuple[str, ...]:
        """See Workloads."""
        return tuple(self._workloads[key].lines[-lines:])

    async def follow(self, key: Key, *, lines: int) -> AsyncIterator[str]:
        """See Workloads."""
        position = max(0, len(self._workloads[key].lines) - lines)
        async for _ in self._changes.follow([key]):
            present = self._workloads[key].lines
            for line in present[position:]:
                yield line
            position = len(present)

    def watch(self) -> AsyncIterator[Key]:
        """See Workloads."""
        return self._changes.follow(self._workloads)

    def _move(self, key: Key) -> None:
        self._workloads[key].moves += 1
        self._changes.announce(key)
