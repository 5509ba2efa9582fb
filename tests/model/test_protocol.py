"""The protocol's rules, driven through every state: no request is lost, and every held request can be served.

What the model shows, and what not, is in docs/design/protocol.md.
"""

from collections.abc import Callable

import pytest

from tests.model.bounds import LARGE, SMALL, described
from tests.model.exploration import Outcome, explore
from tests.model.mutants import MUTANTS, Mutant
from tests.model.rules import Rules
from tests.model.states import Bounds
from tests.model.world import BY_INTENT, VERSIONED, Kind, World

pytestmark = pytest.mark.model


def pytest_generate_tests(metafunc: pytest.Metafunc):
    large = bool(metafunc.config.getoption("--large"))
    if "bounds" in metafunc.fixturenames:
        searches = [(kind, bounds) for bounds in (LARGE if large else SMALL) for kind in (VERSIONED, BY_INTENT) if kind.knows(bounds)]
        metafunc.parametrize("kind, bounds", searches, ids=[f"{kind.name}, {described(bounds)}" for kind, bounds in searches])
    if "mutant" in metafunc.fixturenames:
        mutants = [m for m in MUTANTS if large or not m.large]
        metafunc.parametrize("mutant", mutants, ids=lambda m: f"{m.clause}: {m.name}" + (f", but {m.stays}" if m.stays else ""))


def explored(kind: Kind, rules: Rules, bounds: Bounds, record_property: Callable[[str, object], None]) -> Outcome:
    outcome = explore(World(kind, rules, bounds))
    record_property("states", outcome.states)
    print(f"{kind.name}, {described(bounds)}: {outcome.states} states")
    return outcome


def in_lines(run: str) -> str:
    return run.replace("; ", "\n  ")


@pytest.mark.timeout(7200)
def test_no_request_is_lost_and_every_held_one_can_be_served(kind: Kind, bounds: Bounds, record_property: Callable[[str, object], None]):
    outcome = explored(kind, Rules(), bounds, record_property)
    assert not outcome.wrong, in_lines(outcome.wrong)


@pytest.mark.timeout(7200)
def test_without_this_clause_a_request_is_lost_or_stuck(mutant: Mutant, record_property: Callable[[str, object], None]):
    outcome = explored(mutant.kind, mutant.rules, mutant.bounds, record_property)
    if mutant.stays:
        assert not outcome.wrong, in_lines(outcome.wrong)
    else:
        assert outcome.wrong, f"{mutant.name} changes nothing within {described(mutant.bounds)}"
