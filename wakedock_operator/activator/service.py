"""What one gateway keeps in memory about one service. Nothing here must survive: a restart rebuilds it from the status and the steering."""

from dataclasses import dataclass, field

from wakedock_operator.core.backoff import CRASH_LOOP, backoff
from wakedock_operator.core.gateway import Memory
from wakedock_operator.core.idleness import Idleness
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import Asker, DrainReason, Failure, FailureReason, Serving, Status
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import Key

from .draining import Draining
from .holds import Holds
from .questions import Phase, Question, Refusal, RefusalReason

IN_VAIN = 10.0
"""Seconds for which a request waits for an app that is awake and does not answer, before its status says so."""


@dataclass(slots=True)
class Attempt:
    """One wake as this gateway sees it. Times are the monotonic clock's, in seconds."""

    asked_at: float
    asker: Asker | None
    announced: bool = False
    """`Busy` was said to a service that sleeps: the wake that follows is this gateway's to tell, whoever starts the app."""
    stays: bool = False
    """It was said in a forced drain: unless somebody has to start the app, this is no start, and tells nothing about how long one takes."""
    started_at: float | None = None
    answering_at: float | None = None
    detail: str = ""
    """What the last probe found."""
    unhealthy: bool = False

    def phases(self, granted_at: float) -> dict[str, float]:
        """Seconds from the question to each phase of the start that was reached."""
        if self.stays and self.started_at is None:
            return {}
        reached = {"started": self.started_at, "answering": self.answering_at, "granted": granted_at}
        return {phase: max(0.0, at - self.asked_at) for phase, at in reached.items() if at is not None}


@dataclass(slots=True)
class Service:
    """One service at one gateway."""

    key: Key
    entry: Entry | None
    idleness: Idleness
    steering: str | None = None
    memory: Memory = field(default_factory=Memory)
    holds: Holds = field(default_factory=Holds)
    backend: Observation | None = None
    changes: int = 0
    """How often the backend said that something changed: a look that spans a change is void."""
    observed_at: float = 0.0
    """When `backend` was seen."""
    answered: str | None = None
    draining: Draining | None = None
    attempt: Attempt | None = None
    visited_until: float = 0.0
    """A waiting page was shown: until then the service is wanted without a parked question."""
    needed_by: set[Key] = field(default_factory=set)
    """Waking dependants that wait for this one."""
    next_probe: float = 0.0
    failure: Failure | None = None
    """The last failure that ended a start, as the status or this gateway's own look says."""
    trouble: Failure | None = None
    """What the last look at a workload that was asked for found in its way; it may heal."""
    refused_until: float = 0.0
    failures: int = 0
    crashed_at: float | None = None
    seen_failure: str = ""
    dial_failed: bool = False
    """A question came although requests are steered to the app."""
    touched: bool = False
    """A request came between the report of idleness and the drain."""
    last_request: float = 0.0
    """When a look last found a new request."""
    adopted_at: float = 0.0
    """When its present epoch was acted on first."""
    phase: Phase = Phase.ASLEEP

    def __repr__(self) -> str:
        return f"Service({self.key}, epoch={self.memory.epoch}, steering={self.steering or 'hold'}, held={len(self.holds)}, {self.phase})"

    def wanted(self, now: float) -> bool:
        """Somebody waits without a parked question."""
        return bool(self.needed_by) or now < self.visited_until

    def asked_since(self, now: float) -> float | None:
        """Since when somebody waits here; None for nobody."""
        times = [t for t in (self.holds.oldest, self.attempt.asked_at if self.attempt and self.wanted(now) else None) if t is not None]
        return min(times, default=None)

    def in_vain(self, now: float) -> bool:
        """A request has waited here for long, and nothing answers."""
        oldest = self.holds.oldest
        return oldest is not None and self.answered is None and now - oldest >= IN_VAIN

    def refusal(self, now: float) -> Refusal | None:
        """Why every question is answered with a problem at present; None when they are held."""
        if self.entry is None:
            return Refusal(RefusalReason.REMOVED)
        if self.entry.service.spec.suspend:
            return Refusal(RefusalReason.SUSPENDED, retry_after=60.0)
        if now < self.refused_until and self.failure is not None:
            return Refusal(RefusalReason.START_FAILED, self.failure.reason, retry_after=max(1.0, self.refused_until - now))
        return None

    def timed_out(self) -> Refusal:
        """The answer when `wake.timeout` is over: with what the last look found wrong, if anything."""
        if self.attempt is not None and self.attempt.unhealthy:
            return Refusal(RefusalReason.TIMED_OUT, FailureReason.UNHEALTHY)
        seen = None if self.backend is None else self.backend.failure
        return Refusal(RefusalReason.TIMED_OUT, FailureReason.NO_ANSWER if seen is None else seen.reason)

    def ask(self, question: Question | None, now: float) -> None:
        """Somebody asks: the attempt begins, unless somebody waits already. A question may be older than this process."""
        last = self.attempt
        if last is None or self.asked_since(now) is None:
            asker, age = (None, 0.0) if question is None else (question.asker, question.age)
            self.attempt = Attempt(now - age, asker, announced=last is not None and last.announced)

    def dial_came_back(self) -> None:
        """A question came although requests are steered to the app: what was seen of the backend may be older than that."""
        if not self.dial_failed:
            self.backend = None
        self.dial_failed = True

    def doubt(self) -> None:
        """Requests are steered to an app that takes none: look at the backend afresh and probe again before the next grant."""
        self.answered = None
        self.backend = None

    def adopted(self, status: Status, now: float) -> None:
        """A new epoch is acted on."""
        self.adopted_at = now
        self.draining = None
        if status.serving is Serving.ASLEEP:
            self.answered = None
        if status.serving is Serving.AWAKE:
            # It runs: whatever a start failed for before keeps nobody from waiting for the first answer here.
            self.failure = None
            self.refused_until = 0.0
        if status.serving is not Serving.AWAKE and self.attempt is not None:
            self.attempt.announced = False
        drain = status.drain
        if drain is not None and drain.reason is DrainReason.START_FAILED and drain.cause is not None and drain.cause != self.failure:
            self.failure = drain.cause
            self.refused_until = now + drain.backoff
            self.visited_until = 0.0

    def granted(self, now: float) -> None:
        """The app has taken over: nobody waits, nothing has failed. Whether it stays up for longer than the last time is to be seen."""
        self.attempt = None
        self.visited_until = 0.0
        self.needed_by.clear()
        self.failure = None
        self.refused_until = 0.0
        if not self._crashes_again(now):
            self.failures = 0

    def mended(self) -> None:
        """What the last start failed for may have been put right: it is tried anew, without a back-off."""
        self.failure = None
        self.refused_until = 0.0
        self.failures = 0

    def saw_failure(self, failure: Failure | None, now: float, *, fail_fast: bool) -> None:
        """Take in what the backend says went wrong, once for each failure.

        A start that failed is answered with its cause until its back-off ends; a visit asked for that one start, and for no other. So is a
        wait for an app that somebody else, or the backend, starts in vain. A crash of an app that had answered is started again at once by
        the next request, unless it crashed shortly before as well.
        """
        asked_for = self.backend is not None and self.backend.desired > 0
        self.trouble = failure if asked_for else None
        if failure is None or failure.id == self.seen_failure:
            return
        self.seen_failure = failure.id
        if not failure.ends_wait(fail_fast=fail_fast):
            return
        if failure.id == self.answered:
            self.failures = self.failures + 1 if self._crashes_again(now) else 0
            self.crashed_at = now
        elif self.attempt is not None and (self.attempt.started_at is not None or asked_for):
            self.failures += 1
            self.visited_until = 0.0
        else:
            return
        self.failure = failure
        self.refused_until = now + backoff(self.failures)

    def _crashes_again(self, now: float) -> bool:
        """A crash at this moment would follow the last one soon."""
        return self.crashed_at is not None and now - self.crashed_at - backoff(self.failures) < CRASH_LOOP
