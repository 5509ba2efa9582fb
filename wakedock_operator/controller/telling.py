"""What the controller tells about its decisions: log, metrics, history."""

from collections.abc import Sequence

import structlog

from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.core import controller
from wakedock_operator.core.conditions import ConditionType
from wakedock_operator.core.lifecycle import Change
from wakedock_operator.core.status import Condition, Failure, ReportKind, Serving, Status, WakeReason
from wakedock_operator.core.vetoes import UNASKED
from wakedock_operator.ports.catalog import Snapshot
from wakedock_operator.ports.clock import Clock
from wakedock_operator.ports.journal import Event, EventKind, Journal
from wakedock_operator.resource import Key

from .memory import Memory

log = structlog.get_logger(__name__)


class Telling:
    """Tells once, after the fact. Nothing here decides, waits or raises."""

    def __init__(self, journal: Journal, metrics: Metrics, clock: Clock, *, tells_wakes: bool) -> None:
        self._tells_wakes = tells_wakes
        self._journal = journal
        self._metrics = metrics
        self._clock = clock

    def taken(self, before: Snapshot, after: Snapshot) -> None:
        """Pins, and definitions that are not used."""
        for problem in after.problems:
            if problem not in before.problems:
                log.warning("not as it is defined or asked for", source=problem.source, problem=problem.message)
        for key, entry in after.entries.items():
            old = before.entries.get(key)
            if old is None or old is entry:
                continue
            until = entry.wishes.keep_awake_until
            if until != old.wishes.keep_awake_until:
                kind = EventKind.UNPINNED if until is None else EventKind.PINNED
                message = "" if until is None else f"until {until.isoformat(timespec='seconds')}"
                self._journal.record(Event(self._clock.now(), key, kind, message=message))
            if entry.problem is not None and entry.problem != old.problem:
                self._journal.record(Event(self._clock.now(), key, EventKind.REJECTED, message=entry.problem))

    def written(self, key: Key, facts: controller.Facts, written: Status, what: Change | None) -> None:
        """A status that is in force."""
        self._metrics.awake(key, written.serving is not Serving.ASLEEP)
        if what is not None:
            self._changed(key, facts, written, what)
        elif facts.status is not None and facts.status.leaving and facts.withstood and written.drain is None:
            log.info("a forced sleep gives way: requests to what depends on it have waited for too long", service=str(key))
        elif facts.status is None and facts.defined:
            self._journal.record(Event(facts.now, key, EventKind.ADDED))

    def ended(self, key: Key, facts: controller.Facts, *, comes_back: bool) -> None:
        """Nothing is left of a service; with `comes_back` there is another one of its name."""
        if facts.status is not None:
            self._journal.record(Event(facts.now, key, EventKind.REMOVED))
            log.info("service ended", service=str(key))
        if not comes_back:
            self._metrics.forget(key)

    def crashed(self, key: Key, facts: controller.Facts, memory: Memory) -> None:
        """An app that ended by itself while awake, once."""
        failure = facts.backend.failure
        awake = facts.status is not None and facts.status.serving is Serving.AWAKE
        if failure is not None and not failure.healable and awake and failure.id != memory.crash:
            memory.crash = failure.id
            log.warning("app ended by itself", service=str(key), reason=str(failure.reason), message=failure.message)
            self._journal.record(Event(facts.now, key, EventKind.CRASHED, failure.reason, failure.message))

    def blocked(self, key: Key, before: Status, found: Sequence[Condition]) -> None:
        """The conditions `found` are in force: something that nobody asked for may have begun to keep it awake."""
        now = next(each for each in found if each.type == ConditionType.SLEEP_BLOCKED)
        known = {each.reason for each in before.conditions if each.type == ConditionType.SLEEP_BLOCKED}
        if now.reason in UNASKED and now.reason not in known:
            self._journal.record(Event(self._clock.now(), key, EventKind.SLEEP_BLOCKED, now.reason, now.message))

    def failing(self, key: Key, failure: Failure | None) -> None:
        """What was started does not come up for this reason, or (None) there is no such thing."""
        self._metrics.failing(key, None if failure is None else failure.reason)

    def _changed(self, key: Key, facts: controller.Facts, written: Status, what: Change) -> None:
        drain = written.drain
        reason = str(drain.reason) if drain is not None else str(written.woken_by or "")
        log.info("serving changed", service=str(key), serving=str(written.serving), epoch=written.epoch, change=str(what), reason=reason)
        at = facts.now
        match what:
            case Change.COMMIT if drain is not None:
                self._metrics.slept(key, drain.reason)
                self._journal.record(Event(at, key, EventKind.SLEPT, drain.reason))
            case Change.GIVE_UP if drain is not None and drain.cause is not None:
                self._metrics.wake_failed(key, drain.cause.reason)
                asker = next((r.asker for r in written.gateways if r.asker is not None), None)
                self._journal.record(Event(at, key, EventKind.WAKE_FAILED, drain.cause.reason, drain.cause.message, asker))
            case Change.WAKE:
                timed = any(r.kind is ReportKind.BUSY and r.epoch == written.epoch - 1 for r in written.gateways)
                if self._tells_wakes or not timed:
                    # What stayed awake in a drain was no start, and tells nothing about how long one takes.
                    stayed = facts.status is not None and facts.status.serving is Serving.DRAINING
                    phases = {} if stayed else {"answering": facts.waited, "granted": facts.waited}
                    # A gateway that woke it has timed it, too.
                    self._metrics.woke(key, written.woken_by or WakeReason.COMMAND, {} if timed else phases)
                    self._journal.record(Event(at, key, EventKind.WOKE, str(written.woken_by), asker=written.asker, phases=phases))
