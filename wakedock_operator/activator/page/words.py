"""What a visitor reads: plain words for phases, for the classes of failure and for durations."""

import math
from collections.abc import Mapping

from wakedock_operator.activator.questions import Phase, RefusalReason
from wakedock_operator.core.status import FailureReason

PHASES: Mapping[Phase, str] = {
    Phase.ASLEEP: "Asleep",
    Phase.ASKED: "Waking up",
    Phase.DEPENDENCIES: "Starting what it depends on",
    Phase.STARTING: "Starting",
    Phase.STARTED: "Started, waiting for the first answer",
    Phase.READY: "Ready, opening",
    Phase.FAILED: "Could not start",
    Phase.SUSPENDED: "Out of service",
}

FAILURES: Mapping[FailureReason, str] = {
    FailureReason.EXITED: "It ended right after it was started.",
    FailureReason.COMMAND_NOT_FOUND: "The program that should be started was not found.",
    FailureReason.MISCONFIGURED: "Something that it needs for its start is missing.",
    FailureReason.NOT_PERMITTED: "Starting it is not permitted.",
    FailureReason.PORT_TAKEN: "Another program is using its port.",
    FailureReason.NO_ANSWER: "It was started, but it does not answer.",
    FailureReason.UNHEALTHY: "It answers, but says that it is not well.",
    FailureReason.DEPENDENCY_FAILED: "Something that it depends on could not be started.",
    FailureReason.BACKEND: "The system that runs it could not start it.",
    FailureReason.IMAGE_PULL: "Its image could not be fetched.",
    FailureReason.CRASH_LOOP: "It ends again and again shortly after its start.",
    FailureReason.UNSCHEDULABLE: "There is no room for it at the moment.",
    FailureReason.QUOTA: "Its share of the cluster is used up.",
    FailureReason.DENIED: "A rule of the cluster does not allow it to start.",
    FailureReason.TARGET_MISSING: "The workload that should be started is not there.",
    FailureReason.PAUSED: "Its rollout is paused.",
}

REFUSALS: Mapping[RefusalReason, tuple[str, str]] = {
    RefusalReason.SUSPENDED: ("Out of service", "It was taken out of use on purpose. Please come back later."),
    RefusalReason.REMOVED: ("Being removed", "This app is being taken away from this address."),
    RefusalReason.START_FAILED: ("Could not start", "The start went wrong."),
    RefusalReason.TIMED_OUT: ("Could not start in time", "It takes longer than it may. It may still be starting."),
    RefusalReason.TOO_MANY_HELD: ("Very busy", "Many visitors are waiting for this app right now."),
    RefusalReason.UNKNOWN: ("Not here", "There is no app at this address any more."),
}
"""A headline and a sentence for each refusal a page can show."""

LATE = "This takes longer than usual."


def elapsed_words(seconds: float) -> str:
    """`0 s`, `59 s`, `1 min 5 s`: whole seconds that have passed. The page's script says the same."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def typical_words(seconds: float) -> str:
    """How long a start usually takes, as a sentence; never less than a second."""
    whole = max(1, math.ceil(seconds))
    if whole == 1:
        return "Usually takes about a second."
    if whole <= 90:
        return f"Usually takes about {whole} seconds."
    return f"Usually takes about {round(seconds / 60)} minutes."
