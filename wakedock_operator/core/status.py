"""The shared status of one WakeService: the only memory that gateways and controller have in common.

On one machine it is a record in the runtime directory, on Kubernetes the status in the API server. The controller owns everything but
`gateways`; each gateway owns its own entry there.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

PROTOCOL = 1
"""Grows when gateways and controllers of two versions of WakeDock could misunderstand each other."""


class Serving(StrEnum):
    """Where the requests of a service go: to the app, to the hold while it is drained, or to the hold because it sleeps."""

    AWAKE = "Awake"
    """To the app."""
    DRAINING = "Draining"
    """To the hold, while what is in flight ends."""
    ASLEEP = "Asleep"
    """To the hold; the first one wakes the app."""


class ReportKind(StrEnum):
    """What a gateway says about one epoch."""

    IDLE = "Idle"
    DRAINED = "Drained"
    BUSY = "Busy"
    IN_FLIGHT = "InFlight"
    """In a drain: what is in flight does not end soon. For people; no decision rests on it, `Drained` and `Busy` may follow."""


class DrainReason(StrEnum):
    """Why a service was (or is being) put to sleep."""

    IDLE = "Idle"
    """Nobody used it for `idleTimeout`."""
    REQUESTED = "Requested"
    """Somebody asked for a sleep."""
    SCHEDULED = "Scheduled"
    """An `Asleep` window of its schedule began."""
    SUSPENDED = "Suspended"
    """`spec.suspend` became true."""
    REMOVED = "Removed"
    """Its definition is gone."""
    DEFINITION_CHANGED = "DefinitionChanged"
    """What is to run changed; it wakes again at once."""
    DEPENDENCY_SLEEPS = "DependencySleeps"
    """Something it depends on was put to sleep by force."""
    START_FAILED = "StartFailed"
    """A start failed or was not answered within `wake.timeout`."""
    SHUTDOWN = "Shutdown"
    """WakeDock ended, and `sleep.onExit` is `Sleep`."""
    SCALED_TO_ZERO = "ScaledToZero"
    """Somebody else scaled it to zero."""


class WakeReason(StrEnum):
    """Why a service was woken."""

    REQUEST = "Request"
    """A request came."""
    COMMAND = "Command"
    """Somebody asked for a wake, or took back a pin or the like while it woke."""
    PIN = "Pin"
    """Somebody pinned it awake."""
    SCHEDULE = "Schedule"
    """An `Awake` window of its schedule began."""
    DEPENDANT = "Dependant"
    """Something that depends on it wakes."""
    DEFINITION_CHANGED = "DefinitionChanged"
    """It was put to sleep because its definition had changed."""
    ADOPTED = "Adopted"
    """It ran when WakeDock first saw it."""
    DRAIN_ENDED = "DrainEnded"
    """A request came while it was going to sleep."""
    SCALED = "Scaled"
    """Somebody else scaled it up."""


class FailureReason(StrEnum):
    """The class of a failed start or of a crash. Strangers may see the class; the message is for those who may read logs."""

    EXITED = "Exited"
    """It ended by itself."""
    COMMAND_NOT_FOUND = "CommandNotFound"
    """There is no such program."""
    MISCONFIGURED = "Misconfigured"
    """A folder, file, ConfigMap or Secret that its definition names is not there or cannot be used."""
    NOT_PERMITTED = "NotPermitted"
    """WakeDock may not start it so: the user, a folder, a file or a port is denied."""
    PORT_TAKEN = "PortTaken"
    """Another program listens on its port."""
    NO_ANSWER = "NoAnswer"
    """It runs, and nothing answered within `wake.timeout`."""
    UNHEALTHY = "Unhealthy"
    """It answers its readiness probe with an error, or its readiness command fails."""
    DEPENDENCY_FAILED = "DependencyFailed"
    """Something it depends on is missing or does not start."""
    BACKEND = "Backend"
    """What runs it could not start it; the message says why."""
    IMAGE_PULL = "ImagePull"
    """Its image cannot be pulled."""
    CRASH_LOOP = "CrashLoop"
    """A container ends again and again."""
    UNSCHEDULABLE = "Unschedulable"
    """No node takes its pod."""
    QUOTA = "QuotaExceeded"
    """A quota of its namespace is used up."""
    DENIED = "AdmissionDenied"
    """The API server refuses its pods."""
    TARGET_MISSING = "TargetMissing"
    """The workload that `targetRef` names does not exist."""
    PAUSED = "Paused"
    """Its Deployment was created paused, so nothing starts."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked for a wake. Never carries a query string."""

    at: datetime
    method: str = ""
    host: str = ""
    path: str = ""
    user_agent: str = ""
    client: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a start failed or an instance ended.

    `id` names the attempt (the instance), so that one failure is counted once. `healable` says that the backend may still mend it by
    itself; such a failure ends a wait early only where `wake.failFast` says so.
    """

    id: str
    reason: FailureReason
    message: str
    healable: bool = False

    def ends_wait(self, *, fail_fast: bool) -> bool:
        """Whether a wait for the app ends with it. What answers that it is not well yet may just be warming up, however fast to fail."""
        return not self.healable or (fail_fast and self.reason is not FailureReason.UNHEALTHY)


@dataclass(frozen=True, slots=True)
class Report:
    """A gateway's entry: what it says about `epoch`. A report about another epoch than the status shows is void."""

    gateway: str
    kind: ReportKind
    epoch: int
    holding: bool = False
    """Beside `Busy`: requests wait here right now; while `Awake`, that they find nothing that answers. It decides whether a slow start may
    be given up and whether somebody else's zero is taken for a sleep, and shows in `Ready`."""
    overdue: bool = False
    """Beside `Busy`: requests have waited for too long for the forced sleep of something that the service depends on."""
    asker: Asker | None = None
    protocol: int = PROTOCOL
    """The version of these rules that the gateway follows. Under another than the controller's it serves and wakes, but does not sleep."""


@dataclass(frozen=True, slots=True)
class Drain:
    """The last drain: kept through `Asleep`, so that the status says why the app sleeps.

    While `Awake`, a forced one that is due: it begins as soon as everything that depends on the service sleeps.
    """

    reason: DrainReason
    forced: bool
    cause: Failure | None = None
    """With `START_FAILED`: what went wrong."""
    backoff: float = 0.0
    """With `START_FAILED`: how long each gateway answers with the cause, in seconds on its own clock since it saw this epoch."""
    rewake: bool = False
    """Wake again by itself once it sleeps (a changed definition)."""


@dataclass(frozen=True, slots=True)
class StopIntent:
    """Written before instances are stopped, where stops carry no version. Each is terminating until it is gone."""

    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Handled:
    """Values of wishes and schedule edges that were acted on; each acts once."""

    wake: str = ""
    sleep: str = ""
    schedule: datetime | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """A Kubernetes-style condition."""

    type: str
    status: str
    reason: str
    message: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """One WakeService's shared status. `version` is the token of compare-and-swap; whoever writes gives the one it read."""

    uid: str
    serving: Serving
    epoch: int
    since: datetime
    drain: Drain | None = None
    woken_by: WakeReason | None = None
    asker: Asker | None = None
    failures: int = 0
    """Failed starts in a row."""
    failed: str = ""
    """`Failure.id` of the last failure that was written, so that one failure is given up once."""
    gateways: tuple[Report, ...] = ()
    stop: StopIntent | None = None
    generation: int | None = None
    """The workload's generation when `Asleep` was written: a stop is sent only while it is unchanged."""
    replicas: int | None = None
    """How many instances it last had, where others decide that; a wake brings as many."""
    undone: int = 0
    """Sleeps in a row that `undone_by` undid by scaling up."""
    undone_by: str = ""
    handled: Handled = Handled()
    conditions: tuple[Condition, ...] = ()
    version: int = 0

    @property
    def forced(self) -> bool:
        """True in a forced drain."""
        return self.serving is Serving.DRAINING and self.drain is not None and self.drain.forced

    @property
    def leaving(self) -> bool:
        """True while it is to sleep by force, or does so: due, or in that drain. What failed to start sleeps for nobody's sake."""
        drain = self.drain
        return self.serving is not Serving.ASLEEP and drain is not None and drain.forced and drain.reason is not DrainReason.START_FAILED

    @property
    def busy(self) -> bool:
        """True while a gateway says `Busy` about the present epoch."""
        return any(r.kind is ReportKind.BUSY and r.epoch == self.epoch for r in self.gateways)

    @property
    def holding(self) -> bool:
        """True while requests wait at a gateway, by its word about the present epoch."""
        return any(r.holding and r.epoch == self.epoch for r in self.gateways)

    @property
    def overdue(self) -> bool:
        """True while requests have waited for too long for the sleep of a dependency, by the word of a gateway about the present epoch."""
        return any(r.overdue and r.epoch == self.epoch for r in self.gateways)

    def decides_as(self, other: "Status") -> bool:
        """Whether no decision can rest on the difference: conditions are told to people, and nothing here reads them."""
        return replace(self, conditions=(), version=0) == replace(other, conditions=(), version=0)

    def report_of(self, gateway: str) -> ReportKind | None:
        """What `gateway` says about the present epoch; None for silence and for a report about another epoch."""
        entry = self.entry_of(gateway)
        return entry.kind if entry is not None and entry.epoch == self.epoch else None

    def before(self, gateway: str) -> int:
        """How many of the gateways that have reported come before this one: they take turns in the order of their names."""
        return sum(entry.gateway < gateway for entry in self.gateways)

    def entry_of(self, gateway: str) -> Report | None:
        """The entry of `gateway`, whatever epoch it speaks about."""
        return next((r for r in self.gateways if r.gateway == gateway), None)

    def with_report(self, report: Report) -> "Status":
        """This status with `report` in place of that gateway's entry."""
        others = tuple(r for r in self.gateways if r.gateway != report.gateway)
        return replace(self, gateways=(*others, report))
