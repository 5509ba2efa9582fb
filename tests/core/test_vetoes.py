from dataclasses import replace
from datetime import timedelta

import pytest

from tests.core.situations import NOW
from wakedock_operator.core.vetoes import CHECKS, Situation, VetoReason, first_veto
from wakedock_operator.resource import Key

SOON = NOW + timedelta(minutes=1)
EVERYTHING = Situation(
    now=NOW,
    never_sleeps=True,
    pinned_until=SOON,
    awake_window_ends=SOON,
    dependants_awake=(Key("default", "shop"),),
    min_awake_left=5.0,
)
ORDER = [
    (VetoReason.NEVER_SLEEPS, {"never_sleeps": False}),
    (VetoReason.PINNED, {"pinned_until": NOW}),
    (VetoReason.SCHEDULED_AWAKE, {"awake_window_ends": None}),
    (VetoReason.DEPENDANT_AWAKE, {"dependants_awake": ()}),
    (VetoReason.MIN_AWAKE, {"min_awake_left": 0.0}),
]


def test_the_first_objection_in_the_order_of_the_checks_is_the_one_that_is_told():
    situation = EVERYTHING
    for reason, gone in ORDER:
        veto = first_veto(situation)
        assert veto is not None
        assert veto.reason is reason
        situation = replace(situation, **gone)  # type: ignore[arg-type]
    assert first_veto(situation) is None


def test_there_is_one_check_for_each():
    assert len(CHECKS) == len(ORDER)


@pytest.mark.parametrize(
    "situation, seconds",
    [
        pytest.param(Situation(now=NOW, pinned_until=SOON), 60.0, id="when the pin ends"),
        pytest.param(Situation(now=NOW, awake_window_ends=SOON), 60.0, id="when the window ends"),
        pytest.param(Situation(now=NOW, min_awake_left=5.0), 5.0, id="when minAwake has passed"),
        pytest.param(Situation(now=NOW, never_sleeps=True), None, id="never"),
        pytest.param(Situation(now=NOW, dependants_awake=(Key("default", "shop"),)), None, id="when the dependant tells"),
    ],
)
def test_an_objection_says_when_to_look_again(situation: Situation, seconds: float | None):
    veto = first_veto(situation)
    assert veto is not None
    assert veto.again_in == seconds


def test_an_objection_names_the_dependants():
    veto = first_veto(Situation(now=NOW, dependants_awake=(Key("default", "shop"), Key("team", "blog"))))
    assert veto is not None
    assert "default/shop, team/blog" in veto.message
