"""The chart's admission policy on a real API server: WakeDock does for nobody what he may not do himself."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import ClusterError
from tests.charts.conftest import Render, helm, render
from tests.kubernetes.accounts import Rule, allow, rule
from wakedock_operator.resource import API_VERSION

__all__ = ["helm", "render"]  # fixtures

pytestmark = [pytest.mark.kubernetes, pytest.mark.charts]

Object = dict[str, Any]

WAKESERVICES = rule("wakeservices.wakedock.dev", "get", "create", "update", "patch")
DEPLOYMENTS = rule("deployments.apps", "create")
SERVICES = rule("services", "create")
EVERY_SCALE = rule("deployments/scale.apps", "patch")

APP: Object = {"hosts": ["shop.test"], "port": 8080, "app": {"image": "web:1"}}
TARGET: Object = {"hosts": ["shop.test"], "port": 8080, "targetRef": {"name": "shop"}}
STATEFUL: Object = TARGET | {"targetRef": {"kind": "StatefulSet", "name": "shop"}}
CALLED: Object = TARGET | {"service": {"name": "shop-callers"}}
UNLISTED: Object = TARGET | {"targetRef": {"kind": "ReplicaSet", "name": "shop"}}
OF_CORE: Object = TARGET | {"targetRef": {"apiVersion": "v1", "kind": "ReplicationController", "name": "shop"}}

CORE = ("scaleTargets[0].kind=ReplicationController,scaleTargets[0].resource=replicationcontrollers,scaleTargets[0].apiGroup=",)

NO_DEPLOYMENTS = "`app` becomes a Deployment: {author} may not create deployments in namespace {namespace}"
NO_SERVICES = "`app` gets a Service: {author} may not create services in namespace {namespace}"
NO_CALLERS = "`service` becomes a Service: {author} may not create services in namespace {namespace}"
NO_SCALE = "`targetRef` is scaled: {author} may not patch the scale of {kind} shop in namespace {namespace}"
NO_TARGET = 'WakeDock may not scale {kind} of group "{group}" here: whoever runs it can add the kind to scaleTargets'


class Author:
    """Somebody who may write WakeServices in one namespace, and whatever else a test allows."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl
        self.name = f"system:serviceaccount:{kubectl.namespace}:author"

    def may(self, *rules: Rule) -> None:
        allow(self.kubectl, "author", WAKESERVICES, *rules)

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        return self.kubectl(*words, f"--as={self.name}", stdin=stdin)

    def create(self, spec: Object) -> str:
        return self("create", "--filename=-", stdin=json.dumps(wakeservice(spec)))

    @contextmanager
    def refused(self, message: str, **words: str) -> Iterator[None]:
        """Whatever is done is refused with exactly that message."""
        with pytest.raises(ClusterError) as error:
            yield
        said = " ".join(str(error.value).split())
        assert said.endswith(message.format(author=self.name, namespace=self.kubectl.namespace, **words)), said


def wakeservice(spec: Object) -> Object:
    return {"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": "shop"}, "spec": spec}


@pytest.fixture(scope="module")
def policies() -> dict[tuple[str, ...], str]:
    """By the values of a chart the label of the namespaces in which its policy is in force: it takes seconds until one is."""
    return {}


@pytest.fixture
def author(api: Path, namespace: str, render: Render, policies: dict[tuple[str, ...], str]) -> Callable[..., Author]:
    """An author in the test's namespace, in which the policy of a chart with these values is in force."""
    admin, kubectl = Kubectl(api), Kubectl(api, namespace)

    def apply(values: tuple[str, ...]) -> str:
        policy, binding = (each for each in render(*values, namespace=namespace) if each["kind"].startswith("ValidatingAdmissionPolicy"))
        name = policy["metadata"]["name"] = binding["metadata"]["name"] = binding["spec"]["policyName"] = f"authors-{uuid4().hex[:12]}"
        binding["spec"]["matchResources"] = {"namespaceSelector": {"matchLabels": {"policy": name}}}
        admin.apply(policy, binding)
        return name

    def under(*values: str) -> Author:
        if values not in policies:
            policies[values] = apply(values)
        admin("label", "namespace", namespace, f"policy={policies[values]}")
        made = Author(kubectl)
        made.may()
        deadline = time.monotonic() + 30
        while not refuses(made):
            assert time.monotonic() < deadline, "the policy does not come into force"
            time.sleep(0.1)
        return made

    return under


def refuses(author: Author) -> bool:
    try:
        author("create", "--dry-run=server", "--filename=-", stdin=json.dumps(wakeservice(APP)))
    except ClusterError as error:
        return "ValidatingAdmissionPolicy" in str(error)
    return False


@pytest.mark.parametrize(
    "allowed, spec",
    [
        ((DEPLOYMENTS, SERVICES), APP),
        ((EVERY_SCALE,), TARGET),
        ((rule("deployments/scale.apps", "patch", names=("shop",)),), TARGET),
        ((rule("statefulsets/scale.apps", "patch"),), STATEFUL),
        ((EVERY_SCALE, SERVICES), CALLED),
    ],
    ids=["an app", "a target", "this target alone", "a StatefulSet", "a target with callers"],
)
def test_who_may_do_it_himself_may_have_it_done(author: Callable[..., Author], allowed: tuple[Rule, ...], spec: Object):
    one = author()
    one.may(*allowed)
    assert one.create(spec) == "wakeservice.wakedock.dev/shop created\n"


@pytest.mark.parametrize(
    "allowed, spec, message, kind",
    [
        ((), APP, NO_DEPLOYMENTS, ""),
        ((SERVICES,), APP, NO_DEPLOYMENTS, ""),
        ((DEPLOYMENTS,), APP, NO_SERVICES, ""),
        ((EVERY_SCALE,), CALLED, NO_CALLERS, ""),
        ((DEPLOYMENTS, SERVICES), TARGET, NO_SCALE, "Deployment"),
        ((rule("deployments.apps", "patch"),), TARGET, NO_SCALE, "Deployment"),
        ((rule("deployments/scale.apps", "get", "update"),), TARGET, NO_SCALE, "Deployment"),
        ((rule("deployments/scale.apps", "patch", names=("blog",)),), TARGET, NO_SCALE, "Deployment"),
        ((EVERY_SCALE,), STATEFUL, NO_SCALE, "StatefulSet"),
    ],
    ids=[
        "an app without rights",
        "an app without Deployments",
        "an app without Services",
        "callers without Services",
        "a target by who makes apps",
        "a target by who changes Deployments",
        "a target by who may not patch its scale",
        "a target by who scales another",
        "a StatefulSet by who scales Deployments",
    ],
)
def test_who_may_not_do_it_himself_is_told_what_he_may_not(
    author: Callable[..., Author], allowed: tuple[Rule, ...], spec: Object, message: str, kind: str
):
    one = author()
    one.may(*allowed)
    with one.refused(message, kind=kind):
        one.create(spec)


def test_rights_in_another_namespace_are_none_here(author: Callable[..., Author], api: Path):
    one, other = author(), f"test-{uuid4().hex[:12]}"
    Kubectl(api)("create", "namespace", other)
    allow(Kubectl(api, other), "author", DEPLOYMENTS, SERVICES, of=one.kubectl.namespace)
    with one.refused(NO_DEPLOYMENTS):
        one.create(APP)


def test_a_kind_that_is_no_scale_target_is_refused_to_everybody(author: Callable[..., Author]):
    one = author()
    one.may(rule("replicasets/scale.apps", "patch"))
    for write in (one, one.kubectl):
        with one.refused(NO_TARGET, kind="ReplicaSet", group="apps"):
            write("create", "--filename=-", stdin=json.dumps(wakeservice(UNLISTED)))


def test_the_core_group_has_targets_too(author: Callable[..., Author]):
    one = author(*CORE)
    with one.refused(NO_SCALE, kind="ReplicationController"):
        one.create(OF_CORE)
    one.may(rule("replicationcontrollers/scale", "patch"))
    one.create(OF_CORE)
    with one.refused(NO_TARGET, kind="Deployment", group="apps"):
        one.create(TARGET)


def test_who_may_only_write_wakeservices_wakes_and_pins_what_others_defined_and_changes_nothing_else(author: Callable[..., Author]):
    one = author()
    one.kubectl.apply(wakeservice(APP))
    one("annotate", "wakeservice/shop", "wakedock.dev/wake=now")
    with one.refused(NO_DEPLOYMENTS):
        one("patch", "wakeservice/shop", "--type=merge", '--patch={"spec": {"app": {"image": "another:1"}}}')


@pytest.mark.parametrize(
    "before, change, allowed, message",
    [
        (APP, {"idleTimeout": "1h"}, (DEPLOYMENTS, SERVICES), NO_DEPLOYMENTS),
        (TARGET, {"idleTimeout": "1s"}, (EVERY_SCALE,), NO_SCALE),
        (TARGET, {"service": {"name": "shop-callers"}}, (EVERY_SCALE, SERVICES), NO_CALLERS),
    ],
    ids=["when an app sleeps", "when a target sleeps", "callers of a target"],
)
def test_what_another_defined_is_changed_by_who_may_do_it_himself(
    author: Callable[..., Author], before: Object, change: Object, allowed: tuple[Rule, ...], message: str
):
    one = author()
    one.kubectl.apply(wakeservice(before))
    words = ("patch", "wakeservice/shop", "--type=merge", f"--patch={json.dumps({'spec': change})}")
    with one.refused(message, kind="Deployment"):
        one(*words)
    one.may(*allowed)
    one(*words)


def test_what_is_applied_again_unchanged_or_deleted_needs_no_other_right(author: Callable[..., Author]):
    one = author()
    one.kubectl.apply(wakeservice(APP))
    allow(one.kubectl, "author", rule("wakeservices.wakedock.dev", "get", "patch", "delete"))
    one("apply", "--server-side", "--filename=-", stdin=json.dumps(wakeservice(APP)))
    one("delete", "wakeservice/shop")


def test_who_may_only_write_status_writes_that_of_what_others_defined(author: Callable[..., Author]):
    """As gateways do, which may create nothing."""
    one = author()
    one.kubectl.apply(wakeservice(CALLED))
    allow(one.kubectl, "author", rule("wakeservices/status.wakedock.dev", "patch"))
    written = {**wakeservice({}), "status": {"serving": "Awake"}}
    del written["spec"]
    one("apply", "--server-side", "--subresource=status", "--filename=-", stdin=json.dumps(written))
    assert one.kubectl.get("wakeservice", "shop")["status"]["serving"] == "Awake"


@pytest.mark.parametrize("spec", [APP, TARGET, STATEFUL, CALLED], ids=["an app", "a target", "a StatefulSet", "a target with callers"])
def test_what_kubernetes_lets_editors_do_is_enough(author: Callable[..., Author], spec: Object):
    one = author()
    one.may(*one.kubectl.get("clusterrole", "system:aggregate-to-edit")["rules"])
    one.create(spec)
