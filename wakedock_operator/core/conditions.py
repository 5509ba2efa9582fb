"""What an operator reads: a handful of conditions per service, each with a documented reason.

`Ready` is true, asleep or awake, whenever a request would be served.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from .routing import Claimed
from .status import Condition, DrainReason, Serving, Status, WakeReason
from .vetoes import Veto


class ConditionType(StrEnum):
    """The types of conditions."""

    ACCEPTED = "Accepted"
    """True when the newest definition is the one that is served."""
    ROUTED = "Routed"
    """True when the gateways send requests for its hosts to it."""
    AWAKE = "Awake"
    """True while the app serves. False while it is drained, asleep or waking."""
    READY = "Ready"
    """True, asleep or awake, whenever a request would be served."""
    SLEEP_BLOCKED = "SleepBlocked"
    """True while something keeps an awake app from sleeping, or a drain from its end."""
    BYPASS = "Bypass"
    """Only where it holds: something leads to the app past the gateways."""


class AcceptedReason(StrEnum):
    """Reasons of `Accepted`."""

    ACCEPTED = "Accepted"
    """The newest definition is served."""
    KEPT_LAST_GOOD = "KeptLastGood"
    """The newest definition cannot be served: the last good one is."""
    SERVED_IN_PART = "ServedInPart"
    """The newest definition is served without what does not fit beside the other ones."""
    NOT_MADE = "NotMade"
    """The backend could not make what the newest definition asks for, or not all of it."""
    ANNOTATION_IGNORED = "AnnotationIgnored"
    """The newest definition is served; an annotation beside it cannot be read, and does nothing."""
    INVALID = "Invalid"
    """It cannot be served, and no earlier definition could."""


class RoutedReason(StrEnum):
    """Reasons of `Routed`."""

    ROUTED = "Routed"
    """Every gateway routes by its newest definition."""
    NO_HOSTS = "NoHosts"
    """It has no hosts: its dependants wake it, and callers by a Service of its own where it has one."""
    HOST_TAKEN = "HostTaken"
    """Another service had one of its hosts and paths first."""
    REJECTED = "Rejected"
    """Caddy refused its route."""
    PENDING = "Pending"
    """Not every gateway routes by its newest definition yet."""


class AwakeReason(StrEnum):
    """Reasons of `Awake`, beside those of WakeReason while it is True and of DrainReason while it is False."""

    DRAINING = "Draining"
    """It still runs, and is about to be put to sleep."""
    NEVER_WOKEN = "NeverWoken"
    """Nobody has asked for it yet."""


class SleepBlockedReason(StrEnum):
    """The reason of `SleepBlocked` while it is False. While it is True, it has one of VetoReason."""

    NOT_BLOCKED = "NotBlocked"
    """It sleeps, or nothing keeps it from sleeping."""


class BypassReason(StrEnum):
    """Reasons of `Bypass`."""

    SAME_PODS = "SamePods"
    """Other Services select the same pods."""


class ReadyReason(StrEnum):
    """Reasons of `Ready`."""

    SERVED = "Served"
    """A request is served, at once or after a wake."""
    SUSPENDED = "Suspended"
    """`spec.suspend` is true: every request is answered with 503."""
    START_FAILED = "StartFailed"
    """The last start failed, and its back-off runs: requests are answered with the cause."""
    NOT_ROUTED = "NotRouted"
    """No request reaches it yet; `Routed` says why."""
    TARGET_MISSING = "TargetMissing"
    """The workload that `targetRef` names does not exist: requests are answered with that cause."""
    NO_ANSWER = "NoAnswer"
    """It is awake, and nothing answers: a request has waited for 10 seconds. True again once something answers, or once it sleeps."""
    FAILING = "Failing"
    """It was started and does not come up, for a cause that may heal, or it ends again and again: requests wait, or get the cause."""
    NOT_ACCEPTED = "NotAccepted"
    """It was never served; `Accepted` says why."""
    DEPENDENCY_FAILED = "DependencyFailed"
    """Something it depends on is suspended, or its last start failed and its back-off runs: requests are answered with that cause."""
    CRASHED = "Crashed"
    """The app ended by itself; the next request starts it again."""


AGAIN = "; the next request starts it again"
"""The end of what is said of an app that ended by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the conditions are made of, beside the status."""

    has_hosts: bool = True
    problem: str | None = None
    """Why the newest definition is not served as it is written."""
    problem_reason: AcceptedReason = AcceptedReason.KEPT_LAST_GOOD
    """What that means."""
    lost: Sequence[Claimed] = ()
    unreached: bool = False
    """It lost all of its hosts and paths, and no Service of its own leads to it."""
    unrouted: str | None = None
    """Why Caddy refused the route."""
    pending: str | None = None
    """Why its newest definition is not in force at every gateway."""
    suspended: bool = False
    missing: str | None = None
    """Which workload does not exist."""
    unanswered: str = ""
    """What to look at where requests to an awake app wait in vain."""
    crashed: str | None = None
    """Why the app is not there although it is awake: the next request starts it again."""
    failing: str | None = None
    """Why nothing of what was started is ready."""
    dependency_failed: str = ""
    """Why something that it depends on cannot be woken at present."""
    blocked: Veto | None = None
    bypasses: Sequence[str] = ()
    """Services that lead to the app past the gateways."""


def conditions(status: Status, findings: Findings, now: datetime) -> tuple[Condition, ...]:
    """The conditions of `status`; one that did not change its value keeps the time of its last change."""
    found = [_accepted(findings), _routed(findings), _awake(status), _ready(status, findings), _blocked(status, findings)]
    if findings.bypasses:
        found.append(_bypass(findings))
    before = {condition.type: condition for condition in status.conditions}
    return tuple(_dated(condition, before.get(condition.type), now) for condition in found)


def _dated(condition: Condition, before: Condition | None, now: datetime) -> Condition:
    kept = before is not None and before.status == condition.status and before.since is not None
    return replace(condition, since=before.since if kept and before is not None else now)


def _true(of: ConditionType, reason: str, message: str = "") -> Condition:
    return Condition(of, "True", reason, message)


def _false(of: ConditionType, reason: str, message: str = "") -> Condition:
    return Condition(of, "False", reason, message)


def _accepted(findings: Findings) -> Condition:
    if findings.problem is None:
        return _true(ConditionType.ACCEPTED, AcceptedReason.ACCEPTED)
    return _false(ConditionType.ACCEPTED, findings.problem_reason, findings.problem)


def _routed(findings: Findings) -> Condition:
    if findings.unrouted is not None:
        return _false(ConditionType.ROUTED, RoutedReason.REJECTED, findings.unrouted)
    if findings.lost:
        return _false(ConditionType.ROUTED, RoutedReason.HOST_TAKEN, _taken(findings.lost))
    if findings.pending is not None:
        return _false(ConditionType.ROUTED, RoutedReason.PENDING, findings.pending)
    if not findings.has_hosts:
        who = "its dependants wake it, and callers by a Service of its own where it has one"
        return _true(ConditionType.ROUTED, RoutedReason.NO_HOSTS, f"no host leads to it: {who}")
    return _true(ConditionType.ROUTED, RoutedReason.ROUTED)


def _taken(lost: Sequence[Claimed]) -> str:
    taken = ", ".join(f"{claim.host}{claim.path} belongs to {claim.owner}" for claim in lost)
    return f"{taken}, which was first"


def _awake(status: Status) -> Condition:
    drain = status.drain
    why = "" if drain is None else drain.reason
    match status.serving:
        case Serving.AWAKE:
            return _true(ConditionType.AWAKE, status.woken_by or WakeReason.ADOPTED)
        case Serving.DRAINING:
            return _true(ConditionType.AWAKE, AwakeReason.DRAINING, f"goes to sleep: {why}")
        case Serving.ASLEEP:
            cause = drain.cause if drain is not None else None
            return _false(ConditionType.AWAKE, why or AwakeReason.NEVER_WOKEN, "" if cause is None else cause.message)


def _ready(status: Status, findings: Findings) -> Condition:
    drain = status.drain
    if findings.suspended:
        return _false(ConditionType.READY, ReadyReason.SUSPENDED, "spec.suspend is true: every request is answered with 503")
    if findings.unrouted is not None:
        return _false(ConditionType.READY, ReadyReason.NOT_ROUTED, findings.unrouted)
    if findings.unreached:
        return _false(ConditionType.READY, ReadyReason.NOT_ROUTED, _taken(findings.lost))
    if findings.pending is not None and not _was_ready(status):
        return _false(ConditionType.READY, ReadyReason.NOT_ROUTED, findings.pending)
    if findings.problem is not None and findings.problem_reason is AcceptedReason.NOT_MADE and _never_ran(status):
        return _false(ConditionType.READY, ReadyReason.NOT_ACCEPTED, findings.problem)
    if findings.missing is not None:
        return _false(ConditionType.READY, ReadyReason.TARGET_MISSING, findings.missing)
    if findings.failing is not None and status.serving is not Serving.DRAINING:
        return _false(ConditionType.READY, ReadyReason.FAILING, findings.failing)
    if drain is not None and drain.reason is DrainReason.START_FAILED and drain.cause is not None:
        return _false(ConditionType.READY, ReadyReason.START_FAILED, drain.cause.message)
    if findings.dependency_failed and status.serving is Serving.ASLEEP:
        return _false(ConditionType.READY, ReadyReason.DEPENDENCY_FAILED, findings.dependency_failed)
    if findings.crashed is not None and status.serving is Serving.AWAKE:
        return _true(ConditionType.READY, ReadyReason.CRASHED, findings.crashed + AGAIN)
    if status.serving is Serving.AWAKE and status.holding:
        return _false(ConditionType.READY, ReadyReason.NO_ANSWER, f"it is awake, and requests wait in vain: {findings.unanswered}")
    return _true(ConditionType.READY, ReadyReason.SERVED)


def _never_ran(status: Status) -> bool:
    return status.serving is Serving.ASLEEP and status.drain is None


def _was_ready(status: Status) -> bool:
    """A changed definition takes nothing away: requests go on by the one before until the new one is in force."""
    return any(condition.type == ConditionType.READY and condition.status == "True" for condition in status.conditions)


def _blocked(status: Status, findings: Findings) -> Condition:
    if findings.blocked is None or status.serving is Serving.ASLEEP:
        return _false(ConditionType.SLEEP_BLOCKED, SleepBlockedReason.NOT_BLOCKED)
    return _true(ConditionType.SLEEP_BLOCKED, findings.blocked.reason, findings.blocked.message)


def _bypass(findings: Findings) -> Condition:
    names = ", ".join(findings.bypasses)
    message = f"requests through {names} do not pass the gateways: they wake nothing, keep nothing awake, and are cut by a sleep"
    return _true(ConditionType.BYPASS, BypassReason.SAME_PODS, message)
