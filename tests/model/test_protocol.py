"""The protocol's rules, driven through every state: no request is lost, and every held request can be served.

What the model does not show: that a drain's quiet moment is long enough (the soak does), and anything that needs clocks. A gateway's report
lands when it is made or not at all; see docs/design/protocol.md.
"""

import pytest

from tests.model.bounds import LARGE, SMALL, described
from tests.model.exploration import explore
from tests.model.mutants import MUTANTS, Mutant
from tests.model.rules import Rules
from tests.model.states import Bounds
from tests.model.world import BY_INTENT, VERSIONED, Kind, World

pytestmark = pytest.mark.model


def explored(kind: Kind, bounds: Bounds) -> None:
    outcome = explore(World(kind, Rules(), bounds))
    print(f"{kind.name}, {described(bounds)}: {outcome.states} states")
    assert not outcome.wrong, outcome.wrong.replace("; ", "\n  ")


@pytest.mark.parametrize("bounds", SMALL, ids=described)
@pytest.mark.parametrize("kind", [VERSIONED, BY_INTENT], ids=lambda kind: kind.name)
def test_no_request_is_lost_and_every_held_one_can_be_served(kind: Kind, bounds: Bounds):
    explored(kind, bounds)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("bounds", LARGE, ids=described)
@pytest.mark.parametrize("kind", [VERSIONED, BY_INTENT], ids=lambda kind: kind.name)
def test_nor_within_the_large_bound(kind: Kind, bounds: Bounds, large: bool):
    if not large:
        pytest.skip("the large bound takes an hour: make model")
    explored(kind, bounds)


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if not m.stays], ids=lambda m: f"{m.clause}: {m.name}")
def test_without_this_clause_a_request_is_lost_or_stuck(mutant: Mutant, large: bool):
    if mutant.large and not large:
        pytest.skip("this one takes a minute: make model")
    outcome = explore(World(mutant.kind, mutant.rules, mutant.bounds))
    assert outcome.wrong, f"{mutant.name} changes nothing within {described(mutant.bounds)} ({outcome.states} states)"


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.stays], ids=lambda m: f"{m.clause}: {m.name}, because {m.stays}")
def test_without_this_clause_nothing_is_lost(mutant: Mutant):
    outcome = explore(World(mutant.kind, mutant.rules, mutant.bounds))
    assert not outcome.wrong, outcome.wrong.replace("; ", "\n  ")
