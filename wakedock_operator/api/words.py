"""Why a service is awake or asleep, as a sentence; and what will change it next."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from textwrap import shorten

from wakedock_operator.api.views import ChangeView, State
from wakedock_operator.core.conditions import AGAIN, ConditionType, ReadyReason
from wakedock_operator.core.schedule import next_edge, window_at
from wakedock_operator.core.status import Asker, Drain, DrainReason, Serving, Status, WakeReason
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import SleepMode, WakeService, format_duration

_WOKEN = {
    WakeReason.COMMAND: "it was woken by command",
    WakeReason.PIN: "it was woken by its pin",
    WakeReason.SCHEDULE: "it was woken by its schedule",
    WakeReason.DEPENDANT: "a service that depends on it was woken",
    WakeReason.DEFINITION_CHANGED: "it was started again with its changed definition",
    WakeReason.ADOPTED: "it was running when WakeDock first saw it",
    WakeReason.DRAIN_ENDED: "a request came while it was going to sleep",
    WakeReason.SCALED: "somebody scaled its workload up",
}
_PUT_TO_SLEEP = {
    DrainReason.REQUESTED: "it was put to sleep by command",
    DrainReason.SCHEDULED: "its schedule put it to sleep",
    DrainReason.SUSPENDED: "spec.suspend put it to sleep",
    DrainReason.REMOVED: "its definition is gone",
    DrainReason.DEFINITION_CHANGED: "its definition changed",
    DrainReason.DEPENDENCY_SLEEPS: "a service that it needs goes to sleep",
    DrainReason.SHUTDOWN: "WakeDock was stopped (sleep.onExit is Sleep)",
    DrainReason.SCALED_TO_ZERO: "somebody scaled its workload to zero",
}
_EDGES = 50
"""How many edges of a schedule are looked at for one that matters."""


def describe_asker(asker: Asker) -> str:
    """`GET shop.example/cart from 10.0.0.7 (curl/8)`."""
    who = f" from {asker.client}" if asker.client else ""
    agent = f" ({asker.user_agent})" if asker.user_agent else ""
    return f"{asker.method} {asker.host}{asker.path}".strip() + who + agent


def why(state: State, service: WakeService | None, status: Status | None) -> tuple[str, str]:
    """The reason as one word and as a sentence."""
    if state is State.REMOVED:
        return "Removed", "its definition is gone; it ends when what is in flight has ended"
    if state is State.SUSPENDED:
        return "Suspended", "spec.suspend is true: every request is answered with 503"
    if status is None:
        lasting = "where that lasts on Kubernetes, the operator does not run, or not for its namespace"
        return "NotSeen", f"its definition was not taken up yet; {lasting}"
    if status.serving is Serving.AWAKE:
        return _why_awake(status)
    if state is State.WAKING:
        return _why_waking(status)
    if status.drain is None:
        return "NeverWoken", "nobody has asked for it yet"
    return _why_asleep(status.drain, service)


def _why_awake(status: Status) -> tuple[str, str]:
    crashed = next((c for c in status.conditions if c.type == ConditionType.READY and c.reason == ReadyReason.CRASHED), None)
    if crashed is not None:
        said = crashed.message.removesuffix(AGAIN)
        return crashed.reason, f"nothing of it runs{AGAIN}: {shorten(said, 200, placeholder=' …')}"
    reason = status.woken_by or WakeReason.ADOPTED
    if reason is WakeReason.REQUEST:
        return reason, f"a request woke it: {describe_asker(status.asker)}" if status.asker is not None else "a request woke it"
    return reason, _WOKEN[reason]


def _why_waking(status: Status) -> tuple[str, str]:
    asker = next((r.asker for r in status.gateways if r.epoch == status.epoch and r.asker is not None), None)
    if asker is not None:
        return WakeReason.REQUEST, f"a request asked for it: {describe_asker(asker)}"
    if any(r.epoch == status.epoch for r in status.gateways):
        return WakeReason.REQUEST, "requests or a dependant ask for it"
    return WakeReason.COMMAND, "it is being woken by command, pin or schedule"


def _why_asleep(drain: Drain, service: WakeService | None) -> tuple[str, str]:
    if drain.reason is DrainReason.START_FAILED and drain.cause is not None:
        return drain.cause.reason, shorten(drain.cause.message, 200, placeholder=" …")
    if drain.reason is DrainReason.IDLE:
        timeout = f" for {format_duration(service.spec.idle_timeout)}" if service is not None else ""
        return drain.reason, f"no request came{timeout}"
    return drain.reason, _PUT_TO_SLEEP.get(drain.reason, "its last start failed")


def next_change(entry: Entry, status: Status | None, *, idle_since: datetime | None, kept_awake: bool, now: datetime) -> ChangeView | None:
    """The next change that is known in advance; None when only a request or a person can bring one, or the end of what keeps it awake."""
    pin = entry.wishes.keep_awake_until
    changes = [*_retried(entry, status, now=now)]
    if pin is not None and pin > now:
        # Whatever its schedule says meanwhile waits for that.
        changes.append(ChangeView(at=pin, what="its pin ends"))
    else:
        awake = status is not None and status.serving is not Serving.ASLEEP
        changes += _scheduled(entry, awake=awake, now=now)
        changes += _idle(entry, status, idle_since=idle_since, kept_awake=kept_awake, now=now)
    return min(changes, key=lambda change: change.at, default=None)


def _retried(entry: Entry, status: Status | None, *, now: datetime) -> Iterator[ChangeView]:
    """What is to be awake without a request is started again once the back-off after its failed start is over."""
    drain = None if status is None or status.serving is not Serving.ASLEEP else status.drain
    if status is None or drain is None or drain.reason is not DrainReason.START_FAILED or entry.service.spec.suspend:
        return
    pin, window = entry.wishes.keep_awake_until, window_at(entry.service.spec.schedule, now)
    at = status.since + timedelta(seconds=drain.backoff)
    if at > now and ((pin is not None and pin > now) or (window is not None and window.awake)):
        yield ChangeView(at=at, what="it is started again")


def _scheduled(entry: Entry, *, awake: bool, now: datetime) -> Iterator[ChangeView]:
    rules = entry.service.spec.schedule
    if entry.service.spec.suspend:
        return
    moment = now
    for _ in range(_EDGES):
        edge = next_edge(rules, moment)
        if edge is None:
            return
        before, after = window_at(rules, moment), window_at(rules, edge)
        if after is not None and after.awake and not (before is not None and before.awake):
            yield ChangeView(at=edge, what="its schedule keeps it awake" if awake else "its schedule wakes it")
            return
        if awake and after is not None and not after.awake:
            yield ChangeView(at=edge, what="its schedule puts it to sleep")
            return
        if awake and before is not None and before.awake and after is None:
            yield ChangeView(at=edge, what="its schedule no longer keeps it awake")
            return
        moment = edge


def _idle(entry: Entry, status: Status | None, *, idle_since: datetime | None, kept_awake: bool, now: datetime) -> Iterator[ChangeView]:
    spec = entry.service.spec
    if status is None or status.serving is not Serving.AWAKE or idle_since is None or spec.sleep.mode is SleepMode.NEVER or kept_awake:
        return
    window = window_at(spec.schedule, now)
    if window is not None and window.awake:
        return
    earliest = status.since + (spec.sleep.min_awake or timedelta())
    yield ChangeView(at=max(idle_since + spec.idle_timeout, earliest, now), what="it goes to sleep if no request comes")
