"""Who has Kubernetes' own roles in a namespace, and what that gives of WakeServices there.

No controller runs beside this API server, so `view`, `edit` and `admin` gather nothing. The tests give what they would gather: each role
that has the label by which one of them selects.
"""

import json
from pathlib import Path

import pytest

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import ClusterError
from tests.charts.conftest import Render, helm, render
from tests.charts.objects import of_kind
from tests.kubernetes.accounts import allow
from wakedock_operator.resource import API_VERSION

__all__ = ["helm", "render"]  # fixtures

pytestmark = [pytest.mark.kubernetes, pytest.mark.charts]

RELEASE = "aggregated"
ALL = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
READING = {"get", "list", "watch"}
SPEC = {"hosts": ["shop.test"], "port": 8080, "app": {"image": "web:1"}}


@pytest.fixture(scope="module")
def aggregated(api: Path, render: Render) -> frozenset[str]:
    """The names of the chart's ClusterRoles, made. Several workers may do that at once: they are the same each time."""
    roles = of_kind(render(f"fullnameOverride={RELEASE}", namespace=RELEASE), "ClusterRole")
    Kubectl(api).apply(*roles.values())
    return frozenset(roles)


class Somebody:
    """Who has one of Kubernetes' roles in the test's namespace, as far as Kubernetes and the chart add to it."""

    def __init__(self, kubectl: Kubectl, aggregated: frozenset[str]) -> None:
        self.kubectl, self._aggregated = kubectl, aggregated

    def has(self, role: str) -> None:
        selectors = self.kubectl.get("clusterrole", role)["aggregationRule"]["clusterRoleSelectors"]
        labels = [f"{name}={value}" for selector in selectors for name, value in selector["matchLabels"].items()]
        found = [each for label in labels for each in self.kubectl.get("clusterroles", f"--selector={label}")["items"]]
        # Other tests make roles with these labels on this server, too.
        gathered = [
            each for each in found if each["metadata"]["name"] in self._aggregated or each["metadata"]["name"].startswith("system:")
        ]
        allow(self.kubectl, "somebody", *(rule for each in gathered for rule in each["rules"]))

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        return self.kubectl(*words, f"--as=system:serviceaccount:{self.kubectl.namespace}:somebody", stdin=stdin)

    def create(self) -> None:
        document = {"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": "shop"}, "spec": SPEC}
        self("create", "--filename=-", stdin=json.dumps(document))

    def may(self, *words: str) -> set[str]:
        """The verbs for WakeServices that are allowed."""
        allowed = set()
        for verb in ALL:
            try:
                self("auth", "can-i", verb, "wakeservices.wakedock.dev", *words)
            except ClusterError:
                continue
            allowed.add(verb)
        return allowed


@pytest.fixture
def somebody(kubectl: Kubectl, aggregated: frozenset[str]) -> Somebody:
    return Somebody(kubectl, aggregated)


@pytest.mark.parametrize("role", ["edit", "admin"])
def test_who_edits_a_namespace_defines_changes_and_deletes_its_wakeservices(somebody: Somebody, role: str):
    somebody.has(role)
    somebody.create()
    somebody("annotate", "wakeservice", "shop", "wakedock.dev/wake=now")
    somebody("patch", "wakeservice", "shop", "--type=merge", '--patch={"spec": {"idleTimeout": "1h"}}')
    assert somebody("get", "wakeservices", "--output=name") == "wakeservice.wakedock.dev/shop\n"
    somebody("delete", "wakeservice", "shop")
    assert somebody.may() == ALL


def test_who_views_a_namespace_only_reads_its_wakeservices(somebody: Somebody):
    somebody.has("view")
    with pytest.raises(ClusterError, match='cannot create resource "wakeservices"'):
        somebody.create()
    assert somebody("get", "wakeservices", "--output=name") == ""
    assert somebody.may() == READING


@pytest.mark.parametrize("role", ["view", "edit", "admin"])
def test_nobody_writes_the_state_by_them_or_reaches_another_namespace(somebody: Somebody, role: str):
    somebody.has(role)
    assert somebody.may("--subresource=status") == READING
    assert somebody.may("--namespace=default") == set()
