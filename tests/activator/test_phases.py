from datetime import UTC, datetime
from typing import Any

import pytest

from tests.machine import HELLO, service
from wakedock_operator.activator.phases import phase_of
from wakedock_operator.activator.questions import Phase
from wakedock_operator.activator.service import Attempt, Service
from wakedock_operator.core.idleness import Idleness
from wakedock_operator.core.status import Failure, FailureReason, Serving, Status
from wakedock_operator.ports.catalog import Entry

NOW = 50.0
ASKED = Attempt(40.0, None)
STARTED = Attempt(40.0, None, started_at=41.0)
PROBED = Attempt(40.0, None, started_at=41.0, detail="connection refused")
ANSWERING = Attempt(40.0, None, started_at=41.0, answering_at=45.0)
FAILURE = Failure("one", FailureReason.EXITED, "exit code 1")


def hello(attempt: Attempt | None = None, *, steering: str | None = None, refused: float = 0.0, **spec: Any) -> Service:
    definition = service(HELLO, **spec)
    made = Service(HELLO, Entry(definition, "uid", 1, 1, "memory"), Idleness(60.0), steering=steering)
    made.attempt, made.failure, made.refused_until = attempt, FAILURE, refused
    return made


PHASES = [
    pytest.param(hello(), Serving.ASLEEP, Phase.ASLEEP, id="nobody asked"),
    pytest.param(hello(ASKED), Serving.ASLEEP, Phase.ASKED, id="somebody asked"),
    pytest.param(hello(ASKED, dependsOn=["db"]), Serving.ASLEEP, Phase.DEPENDENCIES, id="what it depends on comes first"),
    pytest.param(hello(STARTED, dependsOn=["db"]), Serving.ASLEEP, Phase.STARTING, id="it is started"),
    pytest.param(hello(PROBED), Serving.ASLEEP, Phase.STARTED, id="an instance is there, and is probed"),
    pytest.param(hello(ANSWERING), Serving.ASLEEP, Phase.STARTED, id="it answers"),
    pytest.param(hello(steering="127.0.0.1:1"), Serving.ASLEEP, Phase.READY, id="requests are steered to it"),
    pytest.param(hello(), Serving.AWAKE, Phase.STARTED, id="awake, but not steered to yet"),
    pytest.param(hello(steering="127.0.0.1:1", suspend=True), Serving.AWAKE, Phase.SUSPENDED, id="suspended beats everything"),
    pytest.param(hello(ANSWERING, refused=60.0), Serving.ASLEEP, Phase.FAILED, id="the back-off of a failed start runs"),
    pytest.param(hello(STARTED, refused=NOW), Serving.ASLEEP, Phase.STARTING, id="the back-off has ended"),
]


@pytest.mark.parametrize("made, serving, phase", PHASES)
def test_the_phase_that_the_waiting_page_shows(made: Service, serving: Serving, phase: Phase):
    status = Status("uid", serving, 1, datetime(2026, 3, 2, tzinfo=UTC))
    assert phase_of(made, status, NOW) is phase


def test_a_service_that_ends_has_failed():
    made = hello(STARTED)
    made.entry = None
    assert phase_of(made, Status("uid", Serving.ASLEEP, 1, datetime(2026, 3, 2, tzinfo=UTC)), NOW) is Phase.FAILED
