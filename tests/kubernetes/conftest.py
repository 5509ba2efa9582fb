"""A real API server with etcd, without controllers and kubelet: it starts in seconds and needs neither root nor a network.

Mark modules with `pytest.mark.kubernetes`. The tests of one run share the server, whatever the number of workers; each has its namespace.
Nothing ends a namespace, creates pods or collects what lost its owner: there are no controllers.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_kube_config

from hack.cluster import api_server
from hack.cluster.building import built
from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import Layout
from tests.audit import ScaleWrite, scale_writes

CRD = Path(__file__).resolve().parents[2] / "crds" / "wakeservices.wakedock.dev.yaml"


def built_layout() -> Layout:
    """Where the programs are; skips where nobody has compiled them."""
    layout = Layout.chosen()
    if not built(layout):
        pytest.skip(f"there is no API server in {layout.build}: `make cluster-build` compiles it, once, with Go in about 10 minutes")
    return layout


def define_wakeservices(kubectl: Kubectl) -> None:
    """Install the definition; returns when it is established."""
    kubectl("apply", "--server-side", "--force-conflicts", f"--filename={CRD}")
    deadline = time.monotonic() + 30
    # Not `kubectl wait`, which fails while there are no conditions at all.
    while not _established(kubectl.get("customresourcedefinition", "wakeservices.wakedock.dev")):
        assert time.monotonic() < deadline, "the definition is not established"
        time.sleep(0.1)


def _established(definition: dict[str, Any]) -> bool:
    conditions = definition.get("status", {}).get("conditions") or ()
    return any((each["type"], each["status"]) == ("Established", "True") for each in conditions)


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Path]:
    """The administrator's kubeconfig; the WakeService definition is established. RBAC is on."""
    layout = built_layout()
    base = tmp_path_factory.getbasetemp()
    run = base if worker_id == "master" else base.parent  # the workers' folders lie in that of the run
    with api_server.shared(layout, run / "api-server") as kubeconfig:
        define_wakeservices(Kubectl(kubeconfig))
        yield kubeconfig


@pytest.fixture
def namespace(api: Path) -> str:
    """A fresh namespace."""
    name = f"test-{uuid4().hex[:12]}"
    Kubectl(api)("create", "namespace", name)
    return name


@pytest.fixture
def kubectl(api: Path, namespace: str) -> Kubectl:
    """kubectl as administrator in the test's namespace."""
    return Kubectl(api, namespace)


@pytest.fixture
async def client(api: Path) -> AsyncIterator[ApiClient]:
    """The official client as administrator, apart from the code under test."""
    configuration = Configuration()
    await load_kube_config(config_file=str(api), client_configuration=configuration)
    async with ApiClient(configuration) as connected:
        yield connected


@pytest.fixture
def written_scales(api: Path, namespace: str) -> Callable[[], list[ScaleWrite]]:
    """Gives the writes to `/scale` in the test's namespace up to now."""
    return lambda: scale_writes((api.parent / "audit.log").read_text().splitlines(), namespace=namespace)
