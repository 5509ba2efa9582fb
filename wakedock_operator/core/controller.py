"""The controller's half of the protocol: facts about one service → the next step.

*Sleep* 1, 3 and 4, the forced drains, *Wake* 5, the wakes that no request asks for, and the starts that are given up. Whoever decides:
every write is a compare-and-swap on the status that these facts hold, and every stop carries the version that they hold, so that a late or
doubled decision fails.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from wakedock_operator.resource import Key

from .backoff import backoff
from .lifecycle import Change, change, initial
from .observation import Observation
from .schedule import Window
from .status import PROTOCOL, Drain, DrainReason, Failure, FailureReason, Handled, ReportKind, Serving, Status, StopIntent, WakeReason
from .vetoes import Situation, Veto, VetoReason, first_veto

UNDONE_SLEEPS = 3
"""Sleeps in a row that one and the same undoes, after which it is left awake."""
UNNAMED = "somebody who leaves no name (kubectl scale, an autoscaler)"
"""Who undid a sleep, where the workload does not tell."""
SILENCE = 10.0
"""Seconds of a drain after which a gateway that said nothing is called unreachable."""
ASK_AGAIN = 1.0
"""Seconds after which who counts as a gateway is asked again, where nobody could say."""
LIST_AGAIN = 5.0
"""Seconds after which gateways are listed again in a drain that waits for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything the controller knows about one service."""

    now: datetime
    uid: str
    status: Status | None
    backend: Observation
    """Consistent, and observed before `status` was read."""
    gateways: frozenset[str]
    """Who counts as a gateway."""
    listed: bool = False
    """`gateways` was listed afresh, after `status` was read: who is not in it is gone for good."""
    unlisted: str = ""
    """Why nobody can say who counts as a gateway, where a decision would rest on it."""
    situation: Situation
    defined: bool = True
    """False for a service that has ended."""
    record_dies: bool = False
    """The status is part of the definition: it went with it, and nothing is left to agree on."""
    suspended: bool = False
    wake_wish: str = ""
    sleep_wish: str = ""
    window: Window | None = None
    """The schedule's present window."""
    dependants_up: tuple[Key, ...] = ()
    """What depends on it and is not asleep, or still runs: a forced sleep waits for these."""
    dependency_sleeps: bool = False
    """A forced sleep of something it depends on waits for this one."""
    dependencies_ready: bool = True
    needed: bool = False
    """Something that depends on it is to be woken without a request."""
    fail_fast: bool = False
    waited: float = 0.0
    """Seconds since the start of this wake was seen to be asked for."""
    timeout: float = 60.0
    """`wake.timeout` in seconds."""
    stops_by_intent: bool = True
    """Stops carry no version of their own beyond this process: an intent on record comes first."""
    looked: bool = False
    """The last look at the in-flight list, just now, found nothing."""
    vetoed: str | None = None
    """What the app said against its sleep; empty when it agreed; None when it was not asked."""
    asks_app: bool = False
    """`sleep.veto` is declared and an instance is there to ask."""
    fenced: bool = False
    """This controller fenced since the status was at this epoch."""
    started: bool = False
    """This controller scaled it up since the status was at this epoch."""
    may_start: bool = True
    """No back-off after a failure runs here."""
    shutdown: bool = False
    """WakeDock ends and `sleep.onExit` is `Sleep`."""


@dataclass(frozen=True, slots=True)
class Write:
    """Swap the status that was read for this one."""

    status: Status
    what: Change | None = None


@dataclass(frozen=True, slots=True)
class LastLook:
    """Look at the in-flight list once more before a stop."""


@dataclass(frozen=True, slots=True)
class AskApp:
    """Ask the app whether it may sleep."""


@dataclass(frozen=True, slots=True)
class Start:
    """Scale from zero: nobody's request asks for it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask an instance whether it is ready: no gateway does in a wake that no request asks for."""

    instance: str


@dataclass(frozen=True, slots=True)
class Fence:
    """Make sure that no stop decided earlier can still land."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Scale to zero, on condition that the workload's version is still this."""

    version: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove the workload, the status and the definition of a service that has ended."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until something changes; `blocked` says what keeps an awake service from sleeping."""

    blocked: Veto | None = None
    again_in: float | None = None


Step = Write | LastLook | AskApp | Start | Probe | Fence | Stop | Forget | Rest


def decide(facts: Facts) -> Step:
    """The next step of the controller for one service."""
    status = facts.status
    if status is None:
        return _first(facts)
    gone = {r.gateway for r in status.gateways} - facts.gateways if facts.listed else set()
    if gone:
        return Write(replace(status, gateways=tuple(r for r in status.gateways if r.gateway not in gone)))
    match status.serving:
        case Serving.AWAKE:
            return _awake(facts, status)
        case Serving.DRAINING:
            return _draining(facts, status)
        case Serving.ASLEEP:
            return _asleep(facts, status)


def rests_on_gateways(status: Status, known: frozenset[str]) -> bool:
    """Whether it matters now who counts as a gateway, so that they are to be listed afresh after `status` was read.

    In a drain, where all the `known` ones are idle, and where somebody spoke who is not known.
    """
    if status.serving is Serving.DRAINING or any(r.gateway not in known for r in status.gateways):
        return True
    return status.serving is Serving.AWAKE and all(status.report_of(g) is ReportKind.IDLE for g in known)


def _first(facts: Facts) -> Step:
    if not facts.defined:
        if facts.record_dies or (not facts.backend.instances and facts.backend.desired == 0):
            return Forget()
        return Write(initial(uid=facts.uid, desired=0, now=facts.now, drain=Drain(DrainReason.REMOVED, forced=True)))
    first = initial(uid=facts.uid, desired=facts.backend.desired, now=facts.now)
    return Write(_remembering(facts, replace(first, generation=facts.backend.generation)))


# Awake


def _awake(facts: Facts, status: Status) -> Step:
    drain = forced_by(facts, status)
    if drain is not None:
        if facts.dependants_up:
            names = ", ".join(str(key) for key in facts.dependants_up)
            return Rest(Veto(VetoReason.DEPENDANT_AWAKE, f"{names} depends on it and goes to sleep first"))
        handled = status.handled
        if drain.reason is DrainReason.REQUESTED:
            handled = replace(handled, sleep=facts.sleep_wish, wake=facts.wake_wish)
            status = replace(status, undone=0, undone_by="")
        if drain.reason is DrainReason.SCHEDULED and facts.window is not None:
            handled = replace(handled, schedule=facts.window.began)
        return Write(change(replace(status, handled=handled), Change.FORCE, now=facts.now, drain=drain), Change.FORCE)
    handled = _handled_awake(facts, status)
    if handled != status.handled:
        return Write(replace(status, handled=handled))
    veto = first_veto(facts.situation) or _others_veto(facts, status)
    if veto is not None:
        return Rest(veto, veto.again_in)
    veto = _gateways_veto(facts, status)
    if veto is not None:
        return Rest(veto)
    if facts.asks_app:
        if facts.vetoed is None:
            return AskApp()
        if facts.vetoed:
            return Rest(Veto(VetoReason.APP_VETO, facts.vetoed, 10.0), 10.0)
    return Write(change(status, Change.DRAIN, now=facts.now, drain=Drain(DrainReason.IDLE, forced=False)), Change.DRAIN)


def _others_veto(facts: Facts, status: Status) -> Veto | None:
    """What others do with the workload, and who cannot be asked: the checks that come after those of `vetoes`."""
    if facts.unlisted:
        return Veto(VetoReason.GATEWAY_UNREACHABLE, f"nobody can say who is a gateway: {facts.unlisted}", ASK_AGAIN)
    if facts.backend.rolling:
        return Veto(VetoReason.ROLLOUT, "a new version is being rolled out, and a sleep would end what serves meanwhile")
    if status.undone >= UNDONE_SLEEPS:
        return Veto(
            VetoReason.SCALED_BY,
            f"{status.undone_by} scaled it up again after each of its last {status.undone} sleeps; end that, then ask for a sleep",
        )
    return None


def _gateways_veto(facts: Facts, status: Status) -> Veto | None:
    """*Sleep* 1: every gateway says that it is idle. A missing entry, or one of an older epoch, counts as busy."""
    if any(status.report_of(g) is not ReportKind.IDLE for g in facts.gateways):
        return Veto(VetoReason.GATEWAY_BUSY, "in use: its idle time-out has not passed")
    if not facts.gateways:
        return Veto(VetoReason.GATEWAY_UNREACHABLE, "no gateway is known, so nobody can say that it is idle")
    return _of_another_version(facts, status)


def _of_another_version(facts: Facts, status: Status) -> Veto | None:
    """A gateway that follows other rules serves and wakes, but nobody may sleep on its word."""
    others = sorted(r.gateway for r in status.gateways if r.gateway in facts.gateways and r.protocol != PROTOCOL)
    if not others:
        return None
    return Veto(VetoReason.GATEWAY_VERSION, f"{', '.join(others)} is of another version of WakeDock; it sleeps again after the upgrade")


def ended_by(facts: Facts) -> DrainReason | None:
    """Why a service is not to run, whoever asks for it: awake it is drained, waking it is given up; None when it may run."""
    reasons: tuple[tuple[DrainReason, bool], ...] = (
        (DrainReason.REMOVED, not facts.defined),
        (DrainReason.SHUTDOWN, facts.shutdown),
        (DrainReason.SUSPENDED, facts.suspended),
    )
    return next((reason for reason, holds in reasons if holds), None)


def forced_by(facts: Facts, status: Status) -> Drain | None:
    """The forced drain that an awake service is due for, by the first reason that holds; None for none."""
    ending = ended_by(facts)
    if ending is not None:
        return Drain(ending, forced=True)
    window = facts.window
    reasons: tuple[tuple[DrainReason, bool], ...] = (
        (DrainReason.REQUESTED, facts.sleep_wish not in ("", status.handled.sleep)),
        (DrainReason.DEPENDENCY_SLEEPS, facts.dependency_sleeps),
        (DrainReason.DEFINITION_CHANGED, facts.backend.outdated and bool(facts.backend.live)),
        (
            DrainReason.SCHEDULED,
            window is not None and not window.awake and window.began != status.handled.schedule and not facts.backend.rolling,
        ),
        (DrainReason.SCALED_TO_ZERO, facts.backend.generation is not None and facts.backend.desired == 0 and not status.holding),
    )
    reason = next((reason for reason, holds in reasons if holds), None)
    if reason is None:
        return None
    return Drain(reason, forced=True, rewake=reason is DrainReason.DEFINITION_CHANGED)


# Draining


def _draining(facts: Facts, status: Status) -> Step:
    said = {g: status.report_of(g) for g in facts.gateways}
    busy = _busy(status)
    if status.forced:
        if busy and _up(facts, status):
            return _wake(facts, status, _asked_by(status))
        if busy and (failure := _given_up(facts, status)) is not None and facts.backend.desired == 0:
            return Write(replace(status, failed=failure.id, failures=status.failures + 1))
    elif busy:
        return Write(change(status, Change.UNDRAIN, now=facts.now, woken_by=WakeReason.DRAIN_ENDED), Change.UNDRAIN)
    if facts.unlisted:
        return Rest(Veto(VetoReason.GATEWAY_UNREACHABLE, f"nobody can say who is a gateway: {facts.unlisted}"), ASK_AGAIN)
    foreign = _of_another_version(facts, status)
    if foreign:
        return Rest(foreign)
    if not said or any(kind is not ReportKind.DRAINED for kind in said.values()):
        return _waiting_for(facts, status, [g for g in sorted(said) if said[g] is not ReportKind.DRAINED])
    if facts.backend.failure is not None:
        # What failed before this sleep is no failure of the next start.
        status = replace(status, failed=facts.backend.failure.id)
    status = _remembering(facts, replace(status, generation=facts.backend.generation))
    if not facts.stops_by_intent or not facts.backend.live:
        return Write(change(status, Change.COMMIT, now=facts.now), Change.COMMIT)
    if not facts.looked:
        return LastLook()
    intent = StopIntent(tuple(i.id for i in facts.backend.live))
    return Write(change(status, Change.COMMIT, now=facts.now, stop=intent), Change.COMMIT)


def _waiting_for(facts: Facts, status: Status, gateways: list[str]) -> Rest:
    names = ", ".join(gateways)
    if facts.listed and (facts.now - status.since).total_seconds() >= SILENCE and not any(status.report_of(g) for g in gateways):
        message = f"{names} says nothing about this drain; if it is gone for good, delete it (kubectl delete pod {' '.join(gateways)})"
        return Rest(Veto(VetoReason.GATEWAY_UNREACHABLE, message), LIST_AGAIN)
    message = f"gateway {names or 'none'} lets what is in flight end; then it sleeps"
    return Rest(Veto(VetoReason.DRAINING_IN_FLIGHT, message), LIST_AGAIN if facts.listed else None)


# Asleep


def _asleep(facts: Facts, status: Status) -> Step:
    backend = facts.backend
    named = () if status.stop is None else status.stop.instances
    if any(i.id in named for i in backend.live):
        return Stop(backend.version)
    running = backend.desired > 0 or bool(backend.live)
    if not running and not facts.defined:
        return Rest() if backend.instances else Forget()
    busy = _busy(status)
    ending = _ends_wake(facts, status)
    if running and ending is not None:
        return Write(change(status, Change.GIVE_UP, now=facts.now, drain=Drain(ending, forced=True)), Change.GIVE_UP)
    wanted = wanted_by(facts, status)
    if not busy and wanted is None:
        return _stop(facts, status) if running else _settle_wishes(facts, status)
    if _up(facts, status):
        return _wake(facts, status, _asked_by(status) if wanted is None else wanted)
    failure = _given_up(facts, status)
    if failure is not None:
        return _give_up(facts, status, failure)
    if wanted is not None or (backend.desired > 0 and not status.holding):
        return _start(facts)
    return Rest() if running else _settle_wishes(facts, status)


def _ends_wake(facts: Facts, status: Status) -> DrainReason | None:
    """Why a wake that has begun is not to go on; None where it may, and where somebody else's count is what runs.

    A stop is sent only at the generation of `Asleep`, which the start has moved: so the service goes to sleep anew.
    """
    if _busy(status):
        return ended_by(facts)
    if facts.backend.desired > 0 and _scaled(facts, status) and not facts.backend.scaled_by:
        return ended_by(facts) or (DrainReason.DEPENDENCY_SLEEPS if facts.dependency_sleeps else None)
    return None


def _start(facts: Facts) -> Step:
    """A wake that nobody's request asks for, or whose clients have left: what a gateway does in *Wake* 3 and 4, without a grant."""
    backend = facts.backend
    if backend.desired == 0:
        return Start() if facts.may_start and facts.dependencies_ready else Rest()
    unready = next((i.id for i in backend.live if not i.ready), None)
    return Rest() if unready is None else Probe(unready)


def _stop(facts: Facts, status: Status) -> Step:
    """*Sleep* 4, where the stop did not go with the commit: adoption, or a crash in between."""
    if not facts.stops_by_intent:
        ours = facts.backend.desired > 0 and not _scaled(facts, status)
        return Stop(facts.backend.version) if ours else Rest()
    if not facts.backend.live:
        return Rest()
    if not facts.looked:
        return LastLook()
    return Write(replace(status, stop=StopIntent(tuple(i.id for i in facts.backend.live))))


def wanted_by(facts: Facts, status: Status) -> WakeReason | None:
    """Why a sleeping service is to be woken without a request; None when it is not."""
    if ended_by(facts) is not None or facts.dependency_sleeps:
        return None
    pin = facts.situation.pinned_until
    window = facts.window
    reasons: tuple[tuple[WakeReason, bool], ...] = (
        (WakeReason.COMMAND, facts.wake_wish not in ("", status.handled.wake)),
        (WakeReason.DEFINITION_CHANGED, status.drain is not None and status.drain.rewake),
        (WakeReason.PIN, pin is not None and pin > facts.now and facts.sleep_wish in ("", status.handled.sleep)),
        (WakeReason.SCHEDULE, window is not None and window.awake and window.began != status.handled.schedule),
        (WakeReason.DEPENDANT, facts.needed),
        (WakeReason.SCALED, facts.backend.desired > 0 and not _busy(status) and _scaled(facts, status)),
    )
    return next((reason for reason, holds in reasons if holds), None)


def _scaled(facts: Facts, status: Status) -> bool:
    """What is asked of the workload changed since `Asleep` was written: what runs now is somebody else's wish."""
    return facts.backend.generation is not None and facts.backend.generation != status.generation


def _settle_wishes(facts: Facts, status: Status) -> Step:
    """A wish to sleep is met by a service that sleeps already, and so is the edge of an `Asleep` window."""
    handled = status.handled
    if facts.sleep_wish:
        handled = replace(handled, sleep=facts.sleep_wish)
    if facts.window is not None and not facts.window.awake:
        handled = replace(handled, schedule=facts.window.began)
    return Rest() if handled == status.handled else Write(replace(status, handled=handled))


def _wake(facts: Facts, status: Status, reason: WakeReason) -> Step:
    """*Wake* 5: fence, then write `Awake`. A generation that moved since `Asleep` moved the version too: earlier stops are void already."""
    if not facts.fenced and not _scaled(facts, status):
        return Fence()
    by = ""
    if reason is WakeReason.SCALED and not facts.started:
        by = facts.backend.scaled_by or UNNAMED
    undone = 0
    if by:
        undone = status.undone + 1 if by == status.undone_by else 1
    status = _remembering(facts, replace(status, handled=_handled_awake(facts, status), undone=undone, undone_by=by))
    return Write(change(status, Change.WAKE, now=facts.now, woken_by=reason), Change.WAKE)


def _remembering(facts: Facts, status: Status) -> Status:
    """With the count that others gave the workload, as long as there is one."""
    backend = facts.backend
    return status if backend.generation is None or backend.desired == 0 else replace(status, replicas=backend.desired)


def _give_up(facts: Facts, status: Status, failure: Failure) -> Step:
    failures = status.failures + 1
    drain = Drain(DrainReason.START_FAILED, forced=True, cause=failure, backoff=backoff(failures))
    counted = replace(status, failures=failures, failed=failure.id, handled=_handled_awake(facts, status))
    return Write(change(counted, Change.GIVE_UP, now=facts.now, drain=drain), Change.GIVE_UP)


def _given_up(facts: Facts, status: Status) -> Failure | None:
    """The failure that ends this start: definitive, or unanswered for too long while nobody holds."""
    failure = facts.backend.failure
    known = {status.failed, *(() if status.stop is None else status.stop.instances)}
    if failure is not None and failure.id not in known and (facts.fail_fast or not failure.healable):
        return failure
    if facts.waited > facts.timeout and not status.holding and facts.backend.desired > 0:
        seen = f"; last seen: {failure.message}" if failure is not None else ""
        message = f"no answer within wake.timeout ({facts.timeout:g} s){seen}"
        reason = failure.reason if failure is not None else FailureReason.NO_ANSWER
        return Failure(f"{status.uid}/{status.epoch}", reason, message)
    return None


def _handled_awake(facts: Facts, status: Status) -> Handled:
    """Being awake meets the wish to wake and the edge of an `Awake` window."""
    handled = status.handled
    if facts.wake_wish:
        handled = replace(handled, wake=facts.wake_wish)
    if facts.window is not None and facts.window.awake:
        handled = replace(handled, schedule=facts.window.began)
    return handled


def _busy(status: Status) -> bool:
    return any(r.kind is ReportKind.BUSY and r.epoch == status.epoch for r in status.gateways)


def _asked_by(status: Status) -> WakeReason:
    """What made the gateways busy: a request has somebody who asked, the need of a dependant has not."""
    named = any(r.asker is not None and r.epoch == status.epoch for r in status.gateways)
    return WakeReason.REQUEST if named else WakeReason.DEPENDANT


def _up(facts: Facts, status: Status) -> bool:
    """A settled workload above zero that answers. What a stop intent names has to be gone as well: `Awake` takes the intent away."""
    backend = facts.backend.under(status)
    doomed = facts.stops_by_intent and backend.terminating
    return backend.desired > 0 and backend.settled and not doomed and any(i.ready for i in backend.live)
