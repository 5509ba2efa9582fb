"""A whole cluster, that of `KUBECONFIG`; `make test-e2e` brings one up. Mark modules with `pytest.mark.cluster`."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import NODE, Layout
from tests.audit import ScaleWrite, scale_writes
from tests.cluster.api import api
from tests.cluster.daemons import Daemons
from tests.cluster.installation import NAMESPACE, Installation
from tests.cluster.workloads import Ledger

pytest.register_assert_rewrite("tests.cluster.under_load")


@pytest.fixture(scope="session")
def cluster() -> Path:
    """The kubeconfig of an administrator."""
    path = os.environ.get("KUBECONFIG")
    if not path:
        pytest.skip("KUBECONFIG names no cluster: `make test-e2e` starts one for these tests, as root")
    return Path(path)


@pytest.fixture
def namespace(cluster: Path) -> Iterator[str]:
    """A fresh namespace in which Pod Security is *restricted*; it goes after the test, nobody waits for it.

    Its WakeServices go at once. Those of an ended namespace go last, after its pods, and a change of routes closes connections: that would
    be in the middle of some later test. The first `Routed` of that test says that the gateways have done with these.
    """
    name = f"test-{uuid4().hex[:12]}"
    admin = Kubectl(cluster)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    admin("wait", "--for=create", "--namespace", name, "serviceaccount/default", "--timeout=30s")
    yield name
    if "wakeservices.wakedock.dev" in admin("get", "customresourcedefinitions", "--output=name"):
        admin("delete", "wakeservices", "--all", "--namespace", name, "--timeout=30s")
    admin("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture
def kubectl(cluster: Path, namespace: str) -> Kubectl:
    """kubectl as administrator in the test's namespace."""
    return Kubectl(cluster, namespace)


@pytest.fixture(scope="session")
def wakedock(cluster: Path) -> Iterator[Installation]:
    """WakeDock, installed once for all tests that ask for it, and taken away at the end."""
    installation = Installation(cluster, Kubectl(cluster, NAMESPACE))
    installation.install()
    yield installation
    installation.uninstall()


@pytest.fixture
def ledger(kubectl: Kubectl) -> Ledger:
    """An open ledger in the test's namespace."""
    opened = Ledger(kubectl)
    opened.open()
    return opened


@pytest.fixture
def written_scales(kubectl: Kubectl) -> Callable[[], list[ScaleWrite]]:
    """Gives the writes to `/scale` in the test's namespace up to now. Kubelet shows the log, so a kubeconfig suffices."""
    node = kubectl("get", "nodes", "--output=jsonpath={.items[0].metadata.name}")
    log = f"/api/v1/nodes/{node}/proxy/logs/kubernetes/audit.log"
    return lambda: scale_writes(api(kubectl.kubeconfig).get(log).text.splitlines(), namespace=kubectl.namespace)


@pytest.fixture
def daemons(cluster: Path) -> Iterator[Daemons]:
    """The cluster's daemons; whatever the test does to them, the cluster is whole afterwards. Mark such tests with `daemons`, too."""
    layout = Layout.chosen()
    if not cluster.exists() or not layout.kubeconfig.exists() or not cluster.samefile(layout.kubeconfig):
        pytest.skip(f"{cluster} is not the cluster of hack/cluster (node {NODE}): its daemons are out of reach")
    held = Daemons(layout)
    yield held
    held.restore()
