from dataclasses import replace
from datetime import timedelta

import pytest

from tests.core.situations import NOW, says, status
from wakedock_operator.core.conditions import AcceptedReason, ConditionType, Findings, conditions
from wakedock_operator.core.lifecycle import Stage
from wakedock_operator.core.routing import Claimed
from wakedock_operator.core.status import Drain, DrainReason, Failure, FailureReason, ReportKind, Status, WakeReason
from wakedock_operator.core.vetoes import Veto, VetoReason
from wakedock_operator.resource import Key

ACCEPTED, ROUTED, AWAKE, READY, BLOCKED, BYPASS = ConditionType
FAILED = Drain(DrainReason.START_FAILED, forced=True, cause=Failure("one", FailureReason.EXITED, "exit code 1"))
LOST = (Claimed("shop.test", "/", Key("default", "shop")),)
PINNED = Veto(VetoReason.PINNED, "pinned awake")


@pytest.mark.parametrize(
    "given, findings, expected",
    [
        pytest.param(status(Stage.AWAKE), Findings(), (ACCEPTED, "True", "Accepted", ""), id="a good definition"),
        pytest.param(status(Stage.AWAKE), Findings(problem="line 3"), (ACCEPTED, "False", "KeptLastGood", "line 3"), id="a broken one"),
        pytest.param(status(Stage.AWAKE), Findings(), (ROUTED, "True", "Routed", ""), id="routed"),
        pytest.param(status(Stage.AWAKE), Findings(has_hosts=False), (ROUTED, "True", "NoHosts", "dependants"), id="no hosts"),
        pytest.param(
            status(Stage.AWAKE), Findings(lost=LOST), (ROUTED, "False", "HostTaken", "shop.test/ belongs to default/shop"), id="taken"
        ),
        pytest.param(
            status(Stage.ASLEEP), Findings(lost=LOST, unreached=True), (READY, "False", "NotRouted", "default/shop"), id="all of it taken"
        ),
        pytest.param(status(Stage.ASLEEP), Findings(lost=LOST), (READY, "True", "Served", ""), id="one of two hosts taken"),
        pytest.param(
            status(Stage.ASLEEP),
            Findings(problem="no pin", problem_reason=AcceptedReason.ANNOTATION_IGNORED),
            (ACCEPTED, "False", "AnnotationIgnored", "no pin"),
            id="an annotation that cannot be read",
        ),
        pytest.param(status(Stage.AWAKE), Findings(unrouted="bad path"), (ROUTED, "False", "Rejected", "bad path"), id="rejected by Caddy"),
        pytest.param(status(Stage.AWAKE, woken_by=WakeReason.PIN), Findings(), (AWAKE, "True", "Pin", ""), id="awake, and why"),
        pytest.param(status(Stage.AWAKE), Findings(), (AWAKE, "True", "Adopted", ""), id="found awake"),
        pytest.param(status(Stage.FORCED), Findings(), (AWAKE, "True", "Draining", "Requested"), id="on its way to sleep, and why"),
        pytest.param(status(Stage.ASLEEP), Findings(), (AWAKE, "False", "Idle", ""), id="asleep, and why"),
        pytest.param(status(Stage.ASLEEP, drain=None), Findings(), (AWAKE, "False", "NeverWoken", ""), id="never woken"),
        pytest.param(
            status(Stage.ASLEEP, drain=FAILED), Findings(), (AWAKE, "False", "StartFailed", "exit code 1"), id="asleep with a cause"
        ),
        pytest.param(status(Stage.ASLEEP), Findings(), (READY, "True", "Served", ""), id="asleep is ready"),
        pytest.param(status(Stage.AWAKE), Findings(suspended=True), (READY, "False", "Suspended", "503"), id="suspended"),
        pytest.param(status(Stage.AWAKE), Findings(unrouted="bad path"), (READY, "False", "NotRouted", "bad path"), id="not routed"),
        pytest.param(
            status(Stage.ASLEEP, drain=FAILED), Findings(), (READY, "False", "StartFailed", "exit code 1"), id="a start that failed"
        ),
        pytest.param(
            status(Stage.ASLEEP), Findings(missing="no workload"), (READY, "False", "TargetMissing", "no workload"), id="nothing to wake"
        ),
        pytest.param(
            status(Stage.ASLEEP, drain=None),
            Findings(problem="the name is taken", problem_reason=AcceptedReason.NOT_MADE),
            (READY, "False", "NotAccepted", "the name is taken"),
            id="nothing was ever made of it",
        ),
        pytest.param(
            status(Stage.ASLEEP),
            Findings(problem="the name is taken", problem_reason=AcceptedReason.NOT_MADE),
            (READY, "True", "Served", ""),
            id="something was made of an earlier definition",
        ),
        pytest.param(
            status(Stage.AWAKE), Findings(crashed="exit code 9"), (READY, "True", "Crashed", "next request"), id="crashed while awake"
        ),
        pytest.param(
            status(Stage.AWAKE, says(ReportKind.BUSY, holding=True)),
            Findings(unanswered="look there"),
            (READY, "False", "NoAnswer", "requests wait in vain: look there"),
            id="awake, and nothing answers",
        ),
        pytest.param(
            status(Stage.ASLEEP, says(ReportKind.BUSY, holding=True)), Findings(), (READY, "True", "Served", ""), id="a wake under way"
        ),
        pytest.param(
            status(Stage.ASLEEP, says(ReportKind.BUSY, holding=True)),
            Findings(failing="no such image"),
            (READY, "False", "Failing", "no such image"),
            id="a wake that does not come up so far",
        ),
        pytest.param(
            status(Stage.AWAKE),
            Findings(failing="it ends"),
            (READY, "False", "Failing", "it ends"),
            id="awake, and it keeps ending",
        ),
        pytest.param(
            status(Stage.ASLEEP),
            Findings(dependency_failed="default/db is suspended"),
            (READY, "False", "DependencyFailed", "default/db is suspended"),
            id="what it depends on cannot be woken",
        ),
        pytest.param(
            status(Stage.AWAKE), Findings(dependency_failed="default/db is suspended"), (READY, "True", "Served", ""), id="it is awake"
        ),
        pytest.param(
            status(Stage.ASLEEP), Findings(crashed="exit code 9"), (READY, "True", "Served", ""), id="what sleeps has not crashed"
        ),
        pytest.param(status(Stage.AWAKE), Findings(blocked=PINNED), (BLOCKED, "True", "Pinned", "pinned awake"), id="kept awake"),
        pytest.param(status(Stage.AWAKE), Findings(), (BLOCKED, "False", "NotBlocked", ""), id="by nothing"),
        pytest.param(status(Stage.ASLEEP), Findings(blocked=PINNED), (BLOCKED, "False", "NotBlocked", ""), id="what sleeps is not blocked"),
    ],
)
def test_a_condition_says_what_an_operator_needs(given: Status, findings: Findings, expected: tuple[ConditionType, str, str, str]):
    of, value, reason, message = expected
    found = next(c for c in conditions(given, findings, NOW) if c.type == of)
    assert (found.status, found.reason) == (value, reason)
    assert message in found.message


def test_what_bypasses_the_gateways_is_named_and_only_then():
    assert [c.type for c in conditions(status(Stage.AWAKE), Findings(), NOW) if c.type == BYPASS] == []
    (found,) = [c for c in conditions(status(Stage.AWAKE), Findings(bypasses=("web", "web-2")), NOW) if c.type == BYPASS]
    assert (found.status, found.reason) == ("True", "SamePods")
    assert "web, web-2" in found.message


def test_a_condition_keeps_the_time_of_its_last_change_of_value():
    first = conditions(status(Stage.AWAKE), Findings(), NOW)
    later = NOW + timedelta(minutes=5)
    second = conditions(replace(status(Stage.AWAKE), conditions=first), Findings(problem="line 3"), later)
    assert {c.type: c.since for c in second} == {ACCEPTED: later, ROUTED: NOW, AWAKE: NOW, READY: NOW, BLOCKED: NOW}
