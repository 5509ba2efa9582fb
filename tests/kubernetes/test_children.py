"""What the operator makes for an `app`."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import ClusterError
from wakedock_operator.adapters.kubernetes.children import deployment
from wakedock_operator.adapters.kubernetes.client import Api, PatchType, connect
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.workloads.managed_fields import OPERATOR
from wakedock_operator.adapters.kubernetes.workloads.workloads import KubernetesWorkloads
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.ports.workloads import Unsupported
from wakedock_operator.resource import API_VERSION, Key

pytestmark = pytest.mark.kubernetes


class Operator:
    """One operator's workloads, and the objects of the namespace."""

    def __init__(self, api: Api, kubectl: Kubectl) -> None:
        self.api, self.kubectl = api, kubectl
        self.shelf = Shelf(lambda _: None)
        self.workloads = KubernetesWorkloads(api, self.shelf.entry)
        self.key = Key(kubectl.namespace, "shop")
        self.path = f"/apis/apps/v1/namespaces/{kubectl.namespace}/deployments/shop"

    def define(self, spec: dict[str, Any] | None = None, **app: Any) -> Entry:
        given = {"hosts": ["shop.test"], "port": 8080, "app": {"image": "web:1", "command": ["serve"], **app}, **(spec or {})}
        self.kubectl.apply({"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": "shop"}, "spec": given})
        self.shelf.put(self.kubectl.get("wakeservice", "shop"))
        entry = self.shelf.entry(self.key)
        assert entry is not None
        return entry

    async def make(self, spec: dict[str, Any] | None = None, **app: Any) -> None:
        entry = self.define(spec, **app)
        await self.workloads.ensure(entry.service, entry.uid)

    async def deployment(self) -> dict[str, Any]:
        return await self.api.get(self.path)

    def names(self, kind: str) -> set[str]:
        return set(self.kubectl("get", kind, "--output=name").split())


@pytest.fixture
async def operator(api: Path, kubectl: Kubectl) -> AsyncIterator[Operator]:
    connected = await connect(kubeconfig=api)
    one = Operator(connected, kubectl)
    yield one
    one.workloads.close()
    await connected.close()


def holders(found: dict[str, Any]) -> set[str]:
    return {each["manager"] for each in found["metadata"]["managedFields"] if "f:replicas" in each["fieldsV1"].get("f:spec", {})}


async def test_a_deployment_is_created_whole_at_zero_and_its_replicas_are_not_the_operators(operator: Operator):
    await operator.make()
    found = await operator.deployment()
    assert found["spec"]["replicas"] == 0
    assert found["spec"]["template"]["spec"]["containers"][0]["command"] == ["serve"]
    assert holders(found) == {"wakedock-create"}


async def test_nothing_is_created_where_the_definition_is_refused(operator: Operator):
    with pytest.raises(Unsupported, match="does not accept"):
        await operator.make(volumeMounts=[{"name": "nowhere", "mountPath": "/data"}])
    assert operator.names("deployment") == set()


async def test_the_stable_service_has_its_name_for_itself(operator: Operator):
    operator.define({"service": {"name": "shop-callers"}})
    with pytest.raises(ClusterError, match=r"spec\.service\.name.*the Service with its stable address"):
        operator.define({"service": {"name": "shop-wakedock"}})


async def test_a_changed_definition_leaves_the_count_and_takes_back_its_fields(operator: Operator):
    await operator.make(args=["--fast"])
    operator.kubectl("scale", "deployment/shop", "--replicas=3")
    await operator.make()
    found = await operator.deployment()
    assert found["spec"]["replicas"] == 3
    assert "args" not in found["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("count", [0, 2])
async def test_a_creation_that_was_cut_off_is_completed_at_the_count_that_stands(operator: Operator, count: int):
    entry = operator.define()
    wanted = deployment.applied(entry.service, entry.uid)
    wanted["spec"]["replicas"] = 0
    created = await operator.api.patch(operator.path, wanted, kind=PatchType.APPLY, manager=OPERATOR)
    if count:
        operator.kubectl("scale", "deployment/shop", f"--replicas={count}")
    await operator.workloads.ensure(entry.service, entry.uid)
    found = await operator.deployment()
    assert found["spec"]["replicas"] == count
    assert OPERATOR not in holders(found)
    assert found["spec"]["template"] == created["spec"]["template"]
