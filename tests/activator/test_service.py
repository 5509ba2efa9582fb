from datetime import UTC, datetime

import pytest

from tests.machine import HELLO, SHOP, service
from wakedock_operator.activator.questions import Question, Refusal, RefusalReason
from wakedock_operator.activator.service import Attempt, Service
from wakedock_operator.core.backoff import CRASH_LOOP
from wakedock_operator.core.idleness import Idleness
from wakedock_operator.core.observation import NOTHING, Observation
from wakedock_operator.core.status import Asker, Drain, DrainReason, Failure, FailureReason, Serving, Status
from wakedock_operator.ports.catalog import Entry

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ASKER = Asker(NOW, "GET", "hello.localhost", "/")
CAUSE = Failure("one", FailureReason.EXITED, "exit code 1")
HEALABLE = Failure("one/unschedulable", FailureReason.UNSCHEDULABLE, "no node takes it", healable=True)


@pytest.fixture
def hello() -> Service:
    return Service(HELLO, Entry(service(), "uid", 1, 1, "memory"), Idleness(60.0))


def starting(hello: Service, *, answered: str | None = None) -> Service:
    hello.attempt = Attempt(0.0, ASKER, started_at=0.0)
    hello.answered = answered
    return hello


def told(hello: Service) -> tuple[Failure | None, float]:
    """What is refused with, and until when."""
    return hello.failure, hello.refused_until


def status(serving: Serving, drain: Drain | None = None) -> Status:
    return Status("uid", serving, 3, NOW, drain=drain)


# Refusals


def test_a_service_at_rest_refuses_nothing(hello: Service):
    assert hello.refusal(0.0) is None


def test_a_service_that_has_ended_says_so_before_anything_else(hello: Service):
    hello.failure, hello.refused_until, hello.entry = CAUSE, 100.0, None
    assert hello.refusal(0.0) == Refusal(RefusalReason.REMOVED)


def test_a_failed_start_is_told_until_its_back_off_ends(hello: Service):
    hello.failure, hello.refused_until = CAUSE, 100.0
    assert hello.refusal(60.0) == Refusal(RefusalReason.START_FAILED, FailureReason.EXITED, retry_after=40.0)
    assert hello.refusal(99.9) == Refusal(RefusalReason.START_FAILED, FailureReason.EXITED, retry_after=1.0)
    assert hello.refusal(100.0) is None


def test_the_time_out_names_what_was_seen(hello: Service):
    assert hello.timed_out().failure is FailureReason.NO_ANSWER
    pulling = Failure("pod-1", FailureReason.IMAGE_PULL, "the image cannot be pulled", healable=True)
    hello.backend = Observation(desired=1, settled=True, version="1", failure=pulling)
    assert hello.timed_out().failure is FailureReason.IMAGE_PULL
    starting(hello).attempt.unhealthy = True  # type: ignore[union-attr]
    assert hello.timed_out().failure is FailureReason.UNHEALTHY


# Failures


def test_what_stands_in_the_way_is_told_while_something_is_asked_for(hello: Service):
    hello.backend = Observation(desired=1, settled=False, version="1", failure=HEALABLE)
    hello.saw_failure(HEALABLE, 10.0, fail_fast=False)
    assert (hello.trouble, hello.failure) == (HEALABLE, None)
    hello.saw_failure(None, 11.0, fail_fast=False)
    assert hello.trouble is None
    hello.backend = NOTHING
    hello.saw_failure(CAUSE, 12.0, fail_fast=False)
    assert hello.trouble is None


@pytest.mark.parametrize("desired, refuses", [(1, True), (0, False)], ids=["the backend starts it in vain", "it is to be started"])
def test_a_wait_for_an_awake_app_ends_with_a_lasting_cause(hello: Service, desired: int, refuses: bool):
    hello.ask(Question(HELLO, "one", 0.0, ASKER), 5.0)
    hello.backend = Observation(desired=desired, settled=False, version="1", failure=CAUSE)
    hello.saw_failure(CAUSE, 10.0, fail_fast=False)
    assert (hello.refusal(10.0) is not None) is refuses


def test_a_start_that_failed_is_counted_once(hello: Service):
    starting(hello)
    for now in (10.0, 11.0):
        hello.saw_failure(CAUSE, now, fail_fast=False)
    assert (hello.failure, hello.failures, hello.refused_until) == (CAUSE, 1, 11.0)


def test_what_may_heal_is_told_with_fail_fast_only(hello: Service):
    starting(hello).saw_failure(HEALABLE, 10.0, fail_fast=False)
    assert told(hello) == (None, 0.0)
    hello.seen_failure = ""
    hello.saw_failure(HEALABLE, 10.0, fail_fast=True)
    assert told(hello) == (HEALABLE, 11.0)


def test_a_failure_of_a_start_that_this_gateway_does_not_know_of_refuses_nothing(hello: Service):
    hello.saw_failure(CAUSE, 10.0, fail_fast=False)
    assert (hello.failure, hello.refusal(10.0)) == (None, None)


def test_no_failure_changes_nothing(hello: Service):
    starting(hello).saw_failure(None, 10.0, fail_fast=True)
    assert (hello.failure, hello.seen_failure) == (None, "")


@pytest.mark.parametrize(
    "pause, wait",
    [
        pytest.param(CRASH_LOOP / 2, 1.0, id="soon: after a back-off"),
        pytest.param(2 * CRASH_LOOP, 0.0, id="long after: at once"),
    ],
)
def test_a_second_crash_is_started_again(hello: Service, pause: float, wait: float):
    starting(hello, answered="one").saw_failure(CAUSE, 10.0, fail_fast=False)
    assert hello.refusal(10.0) is None
    starting(hello, answered="two").saw_failure(Failure("two", FailureReason.EXITED, ""), 10.0 + pause, fail_fast=False)
    assert hello.refused_until - (10.0 + pause) == wait


# Epochs


def test_a_start_that_was_given_up_is_refused_for_the_back_off_of_the_status_once(hello: Service):
    given_up = Drain(DrainReason.START_FAILED, forced=True, cause=CAUSE, backoff=8.0)
    hello.adopted(status(Serving.DRAINING, given_up), 10.0)
    assert told(hello) == (CAUSE, 18.0)
    hello.adopted(status(Serving.ASLEEP, given_up), 15.0)
    assert hello.refused_until == 18.0


def test_what_runs_again_by_the_word_of_the_status_is_waited_for(hello: Service):
    """Somebody mended and scaled it: a question before the first answer here is held, and not answered with what failed before."""
    given_up = Drain(DrainReason.START_FAILED, forced=True, cause=CAUSE, backoff=60.0)
    hello.adopted(status(Serving.ASLEEP, given_up), 10.0)
    assert hello.refusal(15.0) is not None
    hello.adopted(status(Serving.AWAKE), 15.0)
    assert (told(hello), hello.refusal(15.0)) == ((None, 0.0), None)


def test_asleep_nothing_has_answered(hello: Service):
    hello.answered = "one"
    hello.adopted(status(Serving.AWAKE), 10.0)
    assert hello.answered == "one"
    hello.adopted(status(Serving.ASLEEP), 10.0)
    assert hello.answered is None


def test_doubt_asks_for_a_fresh_look_and_a_new_probe(hello: Service):
    hello.answered, hello.backend = "one", NOTHING
    hello.doubt()
    assert {hello.answered, hello.backend} == {None}


def test_what_was_granted_has_no_failure_and_nobody_waits_for_it(hello: Service):
    starting(hello)
    hello.failure, hello.refused_until, hello.failures, hello.visited_until = CAUSE, 100.0, 3, 50.0
    hello.needed_by.add(SHOP)
    hello.granted(now=20.0)
    assert told(hello) == (None, 0.0)
    assert hello.failures == 0
    assert not hello.wanted(10.0)
    assert hello.asked_since(10.0) is None


# Attempts


def test_the_first_question_begins_the_attempt(hello: Service):
    hello.ask(Question(HELLO, "one", 0.0, ASKER), 5.0)
    hello.visited_until = 10.0
    hello.ask(None, 7.0)
    assert hello.attempt == Attempt(5.0, ASKER)
    hello.ask(None, 11.0)
    assert hello.attempt == Attempt(11.0, None)


def test_somebody_waits_since_the_attempt_began_as_long_as_it_is_wanted(hello: Service):
    hello.ask(None, 5.0)
    assert hello.asked_since(6.0) is None
    hello.visited_until = 10.0
    assert hello.asked_since(6.0) == 5.0
    assert hello.asked_since(10.0) is None


def test_phases_are_seconds_since_the_question(hello: Service):
    attempt = Attempt(5.0, ASKER, started_at=5.1, answering_at=6.0)
    assert attempt.phases(6.5) == pytest.approx({"started": 0.1, "answering": 1.0, "granted": 1.5})
    assert Attempt(5.0, None).phases(4.0) == {"granted": 0.0}
