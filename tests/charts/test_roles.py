"""What each account may do, as snapshots for reviewers. `WAKEDOCK_WRITE_SNAPSHOTS=1 pytest tests/charts/test_roles.py` renews them."""

import os
from pathlib import Path

import pytest
import yaml

from tests.charts.conftest import Render
from tests.charts.objects import Object, of_kind

pytestmark = pytest.mark.charts

SNAPSHOTS = Path(__file__).parent / "roles"
MODES = {"cluster": (), "namespaced": ("watchNamespaces={team-a}",)}


def rights(objects: list[Object]) -> dict[str, dict[str, list[str]]]:
    """By account and where, one line for each rule."""
    found: dict[str, dict[str, list[str]]] = {}
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        for binding in of_kind(objects, kind).values():
            reference, namespace = binding["roleRef"], binding["metadata"].get("namespace")
            (role,) = [
                each
                for each in objects
                if each["kind"] == reference["kind"]
                and each["metadata"]["name"] == reference["name"]
                and each["metadata"].get("namespace") in (None, namespace)
            ]
            for subject in binding["subjects"]:
                found.setdefault(subject["name"], {})[namespace or "everywhere"] = [_line(rule) for rule in role["rules"]]
    return {account: dict(sorted(places.items())) for account, places in sorted(found.items())}


def _line(rule: Object) -> str:
    groups = ", ".join(group or "core" for group in rule["apiGroups"])
    names = f" ({', '.join(rule['resourceNames'])})" if "resourceNames" in rule else ""
    return f"{groups}: {', '.join(rule['resources'])}{names}: {', '.join(rule['verbs'])}"


@pytest.mark.parametrize("mode", MODES)
def test_nobody_may_do_more_than_before(render: Render, mode: str):
    made = yaml.safe_dump(rights(render(*MODES[mode])), sort_keys=False, width=200)
    snapshot = SNAPSHOTS / f"{mode}.yaml"
    if os.environ.get("WAKEDOCK_WRITE_SNAPSHOTS"):
        snapshot.write_text(made)
    assert made == snapshot.read_text()


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
