"""*Wake* 5, and a start that nobody waits for or that fails."""

from dataclasses import replace
from datetime import datetime

from wakedock_operator.core.backoff import backoff
from wakedock_operator.core.lifecycle import Change, change
from wakedock_operator.core.status import Drain, DrainReason, Failure, FailureReason, Handled, Serving, Status, WakeReason

from .facts import Facts
from .steps import Fence, Probe, Rest, Start, Step, Write
from .wishes import scaled

UNNAMED = "somebody who leaves no name (kubectl scale, an autoscaler)"
"""Who undid a sleep, where the workload does not tell."""


def start(facts: Facts) -> Step:
    """A wake that nobody's request asks for, or whose clients have left: what a gateway does in *Wake* 3 and 4, without a grant."""
    backend = facts.backend
    if backend.desired == 0:
        return Start() if facts.may_start and facts.dependencies_ready else Rest()
    unready = next((i.id for i in backend.live if not i.ready), None)
    return Rest() if unready is None else Probe(unready)


def wake(facts: Facts, status: Status, reason: WakeReason) -> Step:
    """*Wake* 5: fence, then write `Awake`. A generation that moved since `Asleep` moved the version too: earlier stops are void already."""
    if facts.dependency_gives_way:
        return Rest()  # written first, or this one would be put to sleep for it again
    if not facts.fenced and not scaled(facts, status):
        return Fence()
    if reason is WakeReason.SCALED and facts.started:
        reason = WakeReason.COMMAND  # by a wish that was taken back meanwhile, such as a pin
    by = (facts.backend.scaled_by or UNNAMED) if reason is WakeReason.SCALED else ""
    undone = 0
    if by:
        undone = status.undone + 1 if by == status.undone_by else 1
    status = remembering(facts, replace(status, handled=handled_awake(facts, status), undone=undone, undone_by=by))
    return Write(change(status, Change.WAKE, now=facts.now, woken_by=reason), Change.WAKE)


def remembering(facts: Facts, status: Status) -> Status:
    """With the count that others gave the workload, as long as there is one."""
    backend = facts.backend
    return status if backend.generation is None or backend.desired == 0 else replace(status, replicas=backend.desired)


def give_up(facts: Facts, status: Status, failure: Failure) -> Step:
    """A forced drain with the cause, and a back-off before the next start."""
    failures = status.failures + 1
    drain = Drain(DrainReason.START_FAILED, forced=True, cause=failure, backoff=backoff(failures))
    counted = replace(status, failures=failures, failed=failure.id, handled=handled_awake(facts, status))
    return Write(change(counted, Change.GIVE_UP, now=facts.now, drain=drain), Change.GIVE_UP)


def given_up(facts: Facts, status: Status) -> Failure | None:
    """The failure that ends this wake: definitive, or not met for too long while nobody holds."""
    failure = facts.backend.failure
    known = {status.failed, *(() if status.stop is None else status.stop.instances)}
    if failure is not None and failure.id not in known and failure.ends_wait(fail_fast=facts.fail_fast):
        return failure
    this_wake = f"{status.uid}/{status.epoch}"
    if this_wake in known:
        return None
    if facts.backend.desired == 0 and facts.dependency_failed:
        return Failure(this_wake, FailureReason.DEPENDENCY_FAILED, facts.dependency_failed)
    if facts.waited <= facts.timeout or status.holding:
        return None
    within = f"within wake.timeout ({facts.timeout:g} s)"
    if facts.backend.desired == 0 and not facts.dependencies_ready:
        return Failure(this_wake, FailureReason.DEPENDENCY_FAILED, f"what it depends on was not ready {within}")
    if facts.backend.desired == 0:
        return Failure(this_wake, FailureReason.NO_ANSWER, f"it was not started {within}, and nobody waits for it any more")
    seen = failure.message if failure is not None else facts.backend.seen
    reason = failure.reason if failure is not None else FailureReason.NO_ANSWER
    return Failure(this_wake, reason, f"no answer {within}; last seen: {seen}" if seen else f"no answer {within}")


def unwakeable(status: Status | None, *, suspended: bool, now: datetime) -> str:
    """Why a service cannot be woken at present: suspended, or a failed start whose back-off runs. Empty when it can."""
    if suspended:
        return "is suspended"
    if status is None or status.serving is Serving.AWAKE or status.busy or status.drain is None or status.drain.cause is None:
        return ""
    waits = status.serving is Serving.DRAINING or (now - status.since).total_seconds() < status.drain.backoff
    return f"did not start: {status.drain.cause.message}" if waits else ""


def handled_awake(facts: Facts, status: Status) -> Handled:
    """Being awake meets the wish to wake and the edge of an `Awake` window."""
    handled = status.handled
    if facts.wake_wish:
        handled = replace(handled, wake=facts.wake_wish)
    if facts.window is not None and facts.window.awake:
        handled = replace(handled, schedule=facts.window.began)
    return handled


def asked_by(status: Status) -> WakeReason:
    """What made the gateways busy: a request has somebody who asked, the need of a dependant has not."""
    named = any(r.asker is not None and r.epoch == status.epoch for r in status.gateways)
    return WakeReason.REQUEST if named else WakeReason.DEPENDANT


def up(facts: Facts, status: Status) -> bool:
    """A settled workload above zero that answers, in its newest version or in the one before while that is rolled out.

    What a stop intent names has to be gone as well: `Awake` takes the intent away.
    """
    backend = facts.backend.under(status)
    doomed = facts.stops_by_intent and backend.terminating
    answers = backend.rolling or any(i.ready for i in backend.live)
    return backend.desired > 0 and backend.settled and not doomed and answers
