"""What each account may do, as snapshots for reviewers. `WAKEDOCK_WRITE_SNAPSHOTS=1 pytest tests/charts/test_roles.py` renews them."""

import os
from pathlib import Path

import pytest
import yaml

from tests.charts.conftest import Render
from tests.charts.rights import rights

pytestmark = pytest.mark.charts

SNAPSHOTS = Path(__file__).parent / "roles"
MODES = {"cluster": (), "namespaced": ("watchNamespaces={team-a}",)}


@pytest.mark.parametrize("mode", MODES)
def test_nobody_may_do_more_than_before(render: Render, mode: str):
    made = yaml.safe_dump(rights(render(*MODES[mode])), sort_keys=False, width=200)
    snapshot = SNAPSHOTS / f"{mode}.yaml"
    if os.environ.get("WAKEDOCK_WRITE_SNAPSHOTS"):
        snapshot.write_text(made)
    assert made == snapshot.read_text()


def test_a_watched_namespace_has_the_rules_of_the_whole_cluster(render: Render):
    whole, watched = (rights(render(*values)) for values in MODES.values())
    assert whole == {account: {"everywhere": at["team-a"], "wakedock": at["wakedock"]} for account, at in watched.items()}


@pytest.mark.parametrize("mode", MODES)
def test_there_are_no_wildcards_and_no_secrets(render: Render, mode: str):
    for places in rights(render(*MODES[mode])).values():
        for lines in places.values():
            for line in lines:
                assert "*" not in line
                assert "secrets" not in line
                assert "escalate" not in line


def test_only_the_operator_reads_logs(render: Render):
    readers = {
        account for account, places in rights(render()).items() if any("pods/log" in line for lines in places.values() for line in lines)
    }
    assert readers == {"wakedock-operator"}
