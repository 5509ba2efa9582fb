"""From the ports to what the API says."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from wakedock_operator.api.ports import Ports
from wakedock_operator.api.views import (
    AskerView,
    BlockedView,
    ConditionView,
    EventView,
    FailureView,
    InstanceView,
    ServiceDetail,
    ServiceView,
    State,
    TokensView,
    WakeView,
)
from wakedock_operator.api.words import next_change, why
from wakedock_operator.core.conditions import ConditionType
from wakedock_operator.core.observation import NOTHING, Instance, Observation
from wakedock_operator.core.schedule import window_at
from wakedock_operator.core.status import DrainReason, ReportKind, Serving, Status
from wakedock_operator.core.vetoes import VetoReason
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.ports.journal import Event, EventKind
from wakedock_operator.resource import Key

LAST_WAKES = 5
LOG_LINES = 20
TIMED = frozenset({VetoReason.GATEWAY_BUSY, VetoReason.MIN_AWAKE})
"""What keeps a service awake for a time that is known, if nobody asks for it."""


def known(ports: Ports) -> tuple[Key, ...]:
    """Every service there is, those on their way out included."""
    return tuple(sorted(ports.catalog.current().entries.keys() | ports.board.keys()))


def state_of(entry: Entry | None, status: Status | None, now: datetime) -> State:
    """One word for what a service does."""
    if entry is None:
        return State.REMOVED
    if status is not None and status.serving is Serving.AWAKE:
        return State.AWAKE
    failed = status is not None and status.drain is not None and status.drain.reason is DrainReason.START_FAILED
    if status is not None and status.serving is Serving.DRAINING:
        return State.FAILED if failed else State.DRAINING
    if entry.service.spec.suspend:
        return State.SUSPENDED
    if _wanted(entry, status, now):
        return State.WAKING
    return State.FAILED if failed else State.ASLEEP


def _wanted(entry: Entry, status: Status | None, now: datetime) -> bool:
    """Somebody's wake of this sleeping service is under way."""
    if status is not None and any(r.kind is ReportKind.BUSY and r.epoch == status.epoch for r in status.gateways):
        return True
    wishes, handled = entry.wishes, status.handled if status is not None else None
    if wishes.wake and (handled is None or handled.wake != wishes.wake):
        return True
    if wishes.keep_awake_until is not None and wishes.keep_awake_until > now:
        return True
    window = window_at(entry.service.spec.schedule, now)
    return window is not None and window.awake and (handled is None or handled.schedule != window.began)


def see(ports: Ports, key: Key) -> ServiceView | None:
    """One service from what is in memory; None when there is none."""
    entry, status = ports.catalog.current().entries.get(key), ports.board.view(key)
    if entry is None and status is None:
        return None
    now = ports.clock.now()
    state = state_of(entry, status, now)
    service = entry.service if entry is not None else None
    reason, explanation = why(state, service, status)
    idle_since = ports.idle_since(key) if state is State.AWAKE else None
    pin = entry.wishes.keep_awake_until if entry is not None else None
    blocked = _blocked(status)
    kept_awake = blocked is not None and blocked.reason not in TIMED
    following = next_change(entry, status, idle_since=idle_since, kept_awake=kept_awake, now=now) if entry is not None else None
    return ServiceView(
        namespace=key.namespace,
        name=key.name,
        hosts=service.spec.hosts if service is not None else (),
        paths=service.spec.paths if service is not None else (),
        state=state,
        reason=str(reason),
        explanation=explanation,
        since=status.since if status is not None else None,
        idle_since=idle_since,
        idle_timeout=service.spec.idle_timeout if service is not None else timedelta(),
        blocked=blocked,
        next_change=following,
        pin=pin if pin is not None and pin > now else None,
        failure=_failure(status),
        problem=entry.problem if entry is not None else None,
        conditions=_conditions(status),
        asked=TokensView(wake=entry.wishes.wake, sleep=entry.wishes.sleep) if entry is not None else TokensView(),
        handled=TokensView(wake=status.handled.wake, sleep=status.handled.sleep) if status is not None else TokensView(),
        epoch=status.epoch if status is not None else 0,
    )


async def see_closely(ports: Ports, key: Key) -> ServiceDetail | None:
    """One service with what runs, its history and its log; None when there is none."""
    instances = (await _observed(ports, key)).instances
    log = await _last_lines(ports, key)
    last_wakes, typical_wake = await _last_wakes(ports, key), await ports.journal.typical_wake(key)
    view = see(ports, key)
    if view is None:
        return None
    entries, status = ports.catalog.current().entries, ports.board.view(key)
    entry = entries.get(key)
    more = {
        "failure": None if view.failure is None else view.failure.model_copy(update={"log": log}),
        "source": entry.source if entry is not None else "",
        "typical_wake": typical_wake,
        "last_wakes": last_wakes,
        "woken_by": AskerView.of(status.asker) if status is not None and view.state is State.AWAKE else None,
        "instances": tuple(map(_instance, instances)),
        "depends_on": tuple(map(str, entry.service.dependencies)) if entry is not None else (),
        "dependants": tuple(str(other) for other, its in sorted(entries.items()) if key in its.service.dependencies),
    }
    return ServiceDetail.model_validate(dict(view) | more)


def _blocked(status: Status | None) -> BlockedView | None:
    if status is None or status.serving is Serving.ASLEEP:
        return None
    found = next((c for c in status.conditions if c.type == ConditionType.SLEEP_BLOCKED and c.status == "True"), None)
    return None if found is None else BlockedView(reason=found.reason, message=found.message)


def _failure(status: Status | None) -> FailureView | None:
    if status is None or status.serving is Serving.AWAKE or status.drain is None or status.drain.cause is None:
        return None
    cause = status.drain.cause
    return FailureView(reason=cause.reason, message=cause.message, retry_after=status.drain.backoff)


def _conditions(status: Status | None) -> tuple[ConditionView, ...]:
    found = status.conditions if status is not None else ()
    return tuple(ConditionView(type=c.type, status=c.status, reason=c.reason, message=c.message, since=c.since) for c in found)


async def _observed(ports: Ports, key: Key) -> Observation:
    try:
        return await ports.workloads.observe(key)
    except KeyError:
        return NOTHING


async def _last_lines(ports: Ports, key: Key) -> tuple[str, ...]:
    try:
        return await ports.workloads.logs(key, lines=LOG_LINES)
    except (KeyError, OSError):
        return ()


async def _last_wakes(ports: Ports, key: Key) -> tuple[WakeView, ...]:
    try:
        events = await ports.journal.events(key=key, kind=EventKind.WOKE, limit=LAST_WAKES)
    except OSError:
        return ()
    return tuple(WakeView(at=e.at, cause=e.reason, asker=AskerView.of(e.asker), phases=e.phases) for e in events)


def event_views(events: Sequence[Event]) -> tuple[EventView, ...]:
    """History, as the API says it."""
    return tuple(
        EventView(
            at=e.at, service=str(e.key), kind=e.kind, reason=e.reason, message=e.message, asker=AskerView.of(e.asker), phases=e.phases
        )
        for e in events
    )


def _instance(seen: Instance) -> InstanceView:
    return InstanceView(id=seen.id, name=seen.name or seen.id, address=seen.address, ready=seen.ready, terminating=seen.terminating)
