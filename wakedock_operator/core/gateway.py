"""A gateway's half of the protocol: facts about one service → the next step.

The gateway carries a step out, gathers the facts again and asks for the next one, until it is told to rest. Every step is one call of one
port, so that the model test can interleave them as they interleave in the world. The clauses are those of the protocol in
`docs/design/protocol.md`: *Sleep* 1 to 3, *Forced drain*, *Wake* 1 to 4, *A hold while `Awake`*, *A start that fails*.
"""

from dataclasses import dataclass, replace

from .observation import Instance, Observation
from .status import ReportKind, Serving, Status


@dataclass(frozen=True, slots=True)
class Memory:
    """What a gateway remembers about one service for one epoch. It dies with the process: `adopt` rebuilds what must survive."""

    epoch: int = -1
    """The epoch it acts for; another one in the status must be adopted first."""
    fenced: bool = False
    drained: bool = False
    """`Drained` was sent for this epoch, whether or not an answer came."""
    allowed: bool = False
    """The answer to a `Busy` showed this epoch still `Draining`."""
    let_through: bool = False
    """A request was let through in this drain: no `Drained` any more, and `Busy` is owed."""


def adopt(status: Status, gateway: str, *, restarted: bool = False) -> Memory:
    """The memory for a new epoch, or after a restart: the gateway's own report is read back before anything is decided.

    After a restart `Drained` counts as sent in any drain: the report of the process that died may still be on its way.
    """
    own = status.report_of(gateway)
    draining = status.serving is Serving.DRAINING
    return Memory(
        epoch=status.epoch,
        drained=own is ReportKind.DRAINED or (restarted and draining),
        allowed=own is ReportKind.BUSY and draining,
    )


def keeps_look(memory: Memory, status: Status) -> bool:
    """Whether a look at the backend from before the epoch of `status` counts in it.

    Only in a drain, and only where this gateway acted on the epoch before: a stop may have been sent since in every other case.
    """
    return status.serving is Serving.DRAINING and status.epoch == memory.epoch + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a gateway knows about one service."""

    gateway: str
    status: Status
    """As last seen; it may lag behind."""
    memory: Memory
    steering: str | None
    """Where requests are sent now; None for the hold."""
    held: bool
    """Requests are parked here."""
    wanted: bool = False
    """A waiting page's visitor or a waking dependant needs it, without a parked request."""
    refusing: bool = False
    """What is held is to be refused: suspended, ended, or a failed start whose back-off runs."""
    in_flight: bool = False
    """The last answered look of this drain found something in flight."""
    quiet: bool = False
    """This drain: steered to the hold, an answered look, the quiet moment, then one zero."""
    idle: bool = False
    """The idle time-out has passed without a request."""
    in_vain: bool = False
    """Something waits here for so long, although the service is `Awake`, that those who read the status are told."""
    patience_over: bool = False
    """Something waits here for longer than `drainPatience`."""
    backend: Observation | None = None
    """The last consistent look since the last start, fence or change, in this epoch or as `keeps_look` says; None: look first."""
    answered: str | None = None
    """The instance that answered a probe, not doubted since by a request that came back."""
    dependencies_ready: bool = True
    may_start: bool = True
    """No back-off after a failure runs here."""
    stopping: bool = False
    """The stop of a forced drain has a head start before the word about what waits, which would void it."""

    @property
    def asked(self) -> bool:
        """Somebody waits for this service."""
        return (self.held or self.wanted) and not self.refusing


@dataclass(frozen=True, slots=True)
class Steer:
    """Write the steering file; None is the hold."""

    address: str | None


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take over the epoch of the status."""


@dataclass(frozen=True, slots=True)
class Say:
    """Write this gateway's report about the epoch."""

    kind: ReportKind
    holding: bool


@dataclass(frozen=True, slots=True)
class LookInFlight:
    """Go on with the drain: look at the in-flight list, wait the quiet moment, look once more."""


@dataclass(frozen=True, slots=True)
class Observe:
    """Take a consistent look at the backend."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Make sure that no stop decided earlier can still land."""


@dataclass(frozen=True, slots=True)
class Start:
    """Scale from zero."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask an instance whether it is ready."""

    instance: Instance


@dataclass(frozen=True, slots=True)
class Grant:
    """Steer to the instance, then answer the holds."""

    instance: Instance


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer what is held with a problem."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until something changes. `waiting` says for what, in words for the log."""

    waiting: str = ""


Step = Steer | Adopt | Say | LookInFlight | Observe | Fence | Start | Probe | Grant | Refuse | Rest


def decide(facts: Facts) -> Step:
    """The next step of a gateway for one service."""
    status = facts.status
    if facts.memory.epoch != status.epoch:
        if status.serving is not Serving.AWAKE and facts.steering is not None:
            return Steer(None)
        return Adopt()
    if facts.held and facts.refusing:
        return Refuse()
    match status.serving:
        case Serving.AWAKE:
            return _awake(facts)
        case Serving.DRAINING:
            return _forced_drain(facts) if status.forced else _drain(facts)
        case Serving.ASLEEP:
            return _asleep(facts)


def after(facts: Facts, step: Step, *, answer: Status | None = None) -> Memory:
    """The memory once `step` was carried out; `answer` is the status that a report was merged into."""
    memory = facts.memory
    match step:
        case Adopt():
            return adopt(facts.status, facts.gateway, restarted=memory.epoch == Memory().epoch)
        case Fence():
            return replace(memory, fenced=True)
        case Say(kind=ReportKind.DRAINED):
            return replace(memory, drained=True)
        case Say(kind=ReportKind.BUSY) if answer is not None:
            draining = answer.epoch == memory.epoch and answer.serving is Serving.DRAINING
            return replace(memory, allowed=memory.allowed or draining)
        case Grant() if facts.status.serving is Serving.DRAINING:
            return replace(memory, let_through=True)
        case _:
            return memory


def _awake(facts: Facts) -> Step:
    """Grant to what answers; start again what crashed or was scaled to zero; report idleness as it comes and goes."""
    status, backend = facts.status, facts.backend
    if facts.asked or facts.steering is None or backend is None:
        if backend is None:
            return Observe()
        target = _target(backend, status)
        if target is None:
            if facts.steering is not None:
                return Steer(None)
            if facts.asked and backend.desired == 0 and facts.may_start and facts.dependencies_ready:
                return Start()
        elif not _answered(facts, target):
            return _news(facts, unanswered=True) or Probe(target)
        elif facts.asked:
            return Grant(target)
        elif facts.steering is None and target.address:
            return Steer(target.address)
    elif (better := _elsewhere(facts, backend)) is not None:
        return better
    news = _news(facts, unanswered=False)
    if news is not None:
        return news
    return Rest("for the app" if facts.asked else "for a request" if facts.idle else "for idleness")


def _news(facts: Facts, *, unanswered: bool) -> Step | None:
    """*Sleep* 1: that an awake service is idle, or not any more; and whether requests wait in vain, which holds until something answers."""
    said = facts.status.report_of(facts.gateway)
    if facts.idle and not facts.asked:
        return None if said is ReportKind.IDLE else Say(ReportKind.IDLE, holding=False)
    if said is ReportKind.IDLE:
        return Say(ReportKind.BUSY, holding=facts.held)
    told = _said_holding(facts)
    holding = facts.in_vain or (told and (facts.held or unanswered))
    return None if holding is told else Say(ReportKind.BUSY, holding=holding)


def _said_holding(facts: Facts) -> bool:
    entry = facts.status.entry_of(facts.gateway)
    return entry is not None and entry.epoch == facts.memory.epoch and entry.holding


def _elsewhere(facts: Facts, backend: Observation) -> Step | None:
    """Away from where requests go now; None to stay.

    To the address that stays, once it answers itself and nothing that ends can be behind it; to the hold, where nothing runs there.
    """
    stable = backend.stable
    if stable is None:
        return Steer(None) if _target(backend, facts.status) is None else None
    if facts.steering == stable.address:
        return None
    if backend.terminating:
        return None if any(i.address == facts.steering for i in backend.live) else Steer(None)
    return Steer(stable.address) if facts.answered == stable.id else Probe(stable)


def _drain(facts: Facts) -> Step:
    """*Sleep* 2: let through to what answers what comes before `Drained` was sent; after that, and where nothing answers, `Busy` first.

    An accepted `Busy` ends this drain `Awake`, so what others scaled to zero meanwhile is started as while `Awake`, whether or not a
    controller is there to write that.
    """
    said = facts.status.report_of(facts.gateway)
    memory = facts.memory
    if facts.asked and (not memory.drained or memory.allowed):
        if facts.backend is None:
            return Observe()
        target = _target(facts.backend, facts.status)
        if target is not None and _answered(facts, target):
            return Grant(target)
        if target is not None and said is ReportKind.BUSY:
            return Probe(target)
        if memory.allowed and facts.backend.desired == 0 and facts.may_start and facts.dependencies_ready:
            return Start()
    if facts.asked or facts.in_flight or memory.let_through:
        return Rest("for the drain to end") if said is ReportKind.BUSY else Say(ReportKind.BUSY, holding=facts.held)
    return _drained(facts, said)


def _forced_drain(facts: Facts) -> Step:
    """*Forced drain*: what is held waits without a word, until patience ends."""
    said = facts.status.report_of(facts.gateway)
    if facts.asked and facts.patience_over:
        if said is not ReportKind.BUSY:
            return Say(ReportKind.BUSY, holding=facts.held)
        if facts.memory.allowed:
            return _wake(facts)
    if facts.memory.let_through:
        return Rest("for the controller") if said is ReportKind.BUSY else Say(ReportKind.BUSY, holding=facts.held)
    return _drained(facts, said)


def _drained(facts: Facts, said: ReportKind | None) -> Step:
    """`Drained` once nothing is in flight and the quiet moment has passed; never after a `Busy` for the same epoch."""
    if said is not None:
        return Rest("for the controller")
    return Say(ReportKind.DRAINED, holding=False) if facts.quiet else LookInFlight()


def _asleep(facts: Facts) -> Step:
    """*Wake* 1: `Busy` before the workload is touched; then on."""
    if not facts.asked:
        if facts.steering is not None and facts.backend is None:
            return Observe()
        if facts.steering is not None and facts.backend is not None and _target(facts.backend, facts.status) is None:
            return Steer(None)
        if _said_holding(facts) and facts.steering is None and not facts.held:
            return Say(ReportKind.BUSY, holding=False)
        return Rest("for a request")
    said = facts.status.report_of(facts.gateway)
    if facts.stopping and said is not ReportKind.BUSY:
        return Rest("for the app to stop")
    if said is not ReportKind.BUSY or (facts.held and not _said_holding(facts)):
        return Say(ReportKind.BUSY, holding=facts.held)
    return _wake(facts)


def _wake(facts: Facts) -> Step:
    """*Wake* 2 to 4: fence, start, then grant to an instance that answers and belongs to a settled backend."""
    if not facts.memory.fenced:
        return Fence()
    backend = facts.backend
    if backend is None:
        return Observe()
    if backend.desired == 0:
        if not facts.dependencies_ready:
            return Rest("for its dependencies")
        return Start() if facts.may_start else Rest("for the back-off after a failed start")
    if not backend.under(facts.status).settled:
        return Rest("for the backend to settle")
    target = _target(backend, facts.status)
    if target is None:
        return Rest("for an instance")
    return Grant(target) if _answered(facts, target) else Probe(target)


def _target(backend: Observation, status: Status) -> Instance | None:
    """Where a request may go: an instance that is not terminating, nor about to be."""
    live = backend.under(status).live
    return live[-1] if live else None


def _answered(facts: Facts, target: Instance) -> bool:
    return facts.answered == target.id
