"""What the accounts of the chart may do, as a real API server sees it: all its roles together, less what every account may do.

`WAKEDOCK_WRITE_SNAPSHOTS=1 pytest tests/kubernetes/test_rights.py` renews the snapshots.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.cluster.kubectl import Kubectl
from tests.charts.conftest import Render, helm, render
from tests.charts.objects import Object
from tests.charts.rights import line

__all__ = ["helm", "render"]  # fixtures

pytestmark = [pytest.mark.kubernetes, pytest.mark.charts]

SNAPSHOTS = Path(__file__).parent / "rights"
WATCHED, OTHER = "rights-watched", "rights-other"
ACCESS = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
PROCESSES = ("gateway", "operator", "restore")
MODES = {"cluster": (), "namespaced": (f"watchNamespaces={{{WATCHED}}}",)}

FORBIDDEN = (
    "get secrets",
    "list secrets",
    "list configmaps",
    "create pods",
    "delete pods",
    "create pods/exec",
    "create pods/portforward",
    "create serviceaccounts/token",
    "impersonate serviceaccounts",
    "update deployments.apps",
    "delete deployments.apps",
    "create statefulsets.apps",
    "delete statefulsets.apps",
    "patch wakeservices.wakedock.dev",
    "delete wakeservices.wakedock.dev",
    "create rolebindings.rbac.authorization.k8s.io",
    "bind roles.rbac.authorization.k8s.io",
    "escalate roles.rbac.authorization.k8s.io",
)
OF_THE_OPERATOR = (
    "get pods/log",
    "create services",
    "create configmaps",
    "create deployments.apps",
    "patch deployments.apps",
    "patch endpointslices.discovery.k8s.io",
    "create events.events.k8s.io",
)


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a process may do something, written `VERB RESOURCE[/PART][.GROUP]`; without a namespace, in all of them."""

    process: str
    what: str
    namespace: str = ""
    name: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        verb, _, asked = self.what.partition(" ")
        whole, _, group = asked.partition(".")
        resource, _, part = whole.partition("/")
        return {"verb": verb, "group": group, "resource": resource, "subresource": part, "namespace": self.namespace, "name": self.name}


@dataclass(frozen=True, slots=True)
class Installed:
    """The accounts of one release. Several workers may install it at once: it is the same each time."""

    api: Path
    namespace: str
    everywhere: bool
    """It serves the whole cluster."""

    @property
    def places(self) -> dict[str, str]:
        """Its namespaces by what they are to it."""
        return {"a watched namespace": WATCHED, "another namespace": OTHER, "its own namespace": self.namespace}

    def allowed(self, *questions: Question) -> list[Question]:
        """Those to which the answer is yes."""
        reviews = [
            self._review("SubjectAccessReview", self._user(each.process) | {"resourceAttributes": each.attributes}) for each in questions
        ]
        listed = {"apiVersion": "v1", "kind": "List", "items": reviews}
        answers = yaml.safe_load_all(Kubectl(self.api)("create", "--filename=-", "--output=yaml", stdin=json.dumps(listed)))
        return [each for each, answer in zip(questions, answers, strict=True) if answer["status"]["allowed"]]

    def rules(self, process: str, namespace: str) -> set[str]:
        """A line for each rule that holds in a namespace, those of the whole cluster included."""
        user = self._user(process)["user"]
        review = self._review("SelfSubjectRulesReview", {"namespace": namespace})
        words = ("create", f"--as={user}", "--validate=false", "--filename=-", "--output=json")
        answer = json.loads(Kubectl(self.api)(*words, stdin=json.dumps(review)))["status"]
        assert not answer["incomplete"], answer
        return {line(rule) for rule in answer["resourceRules"]}

    def _user(self, process: str) -> dict[str, Any]:
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{self.namespace}", "system:authenticated"]
        return {"user": f"system:serviceaccount:{self.namespace}:wakedock-{process}", "groups": groups}

    @staticmethod
    def _review(kind: str, spec: dict[str, Any]) -> Object:
        return {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}


@pytest.fixture(scope="module", params=MODES)
def installed(request: pytest.FixtureRequest, api: Path, render: Render) -> Installed:
    """The accounts, roles and bindings of the chart in one of its modes."""
    mode: str = request.param
    own = f"rights-{mode}"
    Kubectl(api).apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (own, WATCHED, OTHER)))
    for namespace, objects in by_namespace(render(*MODES[mode], namespace=own)).items():
        Kubectl(api, namespace).apply(*objects)
    return Installed(api, own, everywhere=mode == "cluster")


def by_namespace(objects: list[Object]) -> dict[str, list[Object]]:
    """What gives rights, by the namespace it is in; kubectl takes those of one namespace at a time."""
    found: dict[str, list[Object]] = {}
    for each in objects:
        if each["kind"] in ACCESS:
            found.setdefault(each["metadata"].get("namespace", "default"), []).append(each)
    return found


def everywhere_in(installed: Installed, processes: tuple[str, ...], what: tuple[str, ...]) -> Iterator[Question]:
    for process, asked, namespace in product(processes, what, installed.places.values()):
        yield Question(process, asked, namespace)


def test_the_rights_are_those_that_were_reviewed(installed: Installed):
    common = {namespace: installed.rules("nobody", namespace) for namespace in installed.places.values()}
    found = {
        process: {place: sorted(installed.rules(process, namespace) - common[namespace]) for place, namespace in installed.places.items()}
        for process in PROCESSES
    }
    made = yaml.safe_dump(found, sort_keys=False, width=200)
    snapshot = SNAPSHOTS / f"{installed.namespace.removeprefix('rights-')}.yaml"
    if os.environ.get("WAKEDOCK_WRITE_SNAPSHOTS"):
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(made)
    assert made == snapshot.read_text()


def test_no_account_reads_secrets_gets_into_pods_or_gives_rights_away(installed: Installed):
    assert installed.allowed(*everywhere_in(installed, PROCESSES, FORBIDDEN)) == []


def test_only_the_operator_creates_or_reads_logs(installed: Installed):
    assert installed.allowed(*everywhere_in(installed, ("gateway", "restore"), OF_THE_OPERATOR)) == []
    asked = [Question("operator", what, WATCHED) for what in OF_THE_OPERATOR]
    assert installed.allowed(*asked) == asked


@pytest.mark.parametrize("process", ["gateway", "operator"])
def test_who_waits_for_pods_may_follow_them(installed: Installed, process: str):
    asked = [Question(process, f"{verb} pods", WATCHED) for verb in ("list", "watch")]
    assert installed.allowed(*asked) == asked


@pytest.mark.parametrize("process", PROCESSES)
def test_apps_are_scaled_where_they_are_served_and_nowhere_else(installed: Installed, process: str):
    served = Question(process, "patch deployments/scale.apps", WATCHED)
    others = [Question(process, "patch deployments/scale.apps", OTHER), Question(process, "patch deployments/scale.apps")]
    assert installed.allowed(served, *others) == [served, *(others if installed.everywhere else [])]


def test_the_whole_cluster_can_only_be_listed_by_who_serves_it(installed: Installed):
    asked = [Question("gateway", "list pods"), Question("operator", "list pods"), Question("operator", "list wakeservices.wakedock.dev")]
    assert installed.allowed(*asked) == (asked if installed.everywhere else [])


def test_the_operator_leads_by_its_own_lease_alone(installed: Installed):
    own = Question("operator", "update leases.coordination.k8s.io", installed.namespace, "wakedock-operator")
    others = Question("operator", "update leases.coordination.k8s.io", installed.namespace, "somebody-else")
    assert installed.allowed(own, others) == [own]
