"""What the operator makes for an `app`."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import ClusterError
from tests.kubernetes.workloads_of_operator import OperatorWorkloads, workloads_of_operator
from wakedock_operator.adapters.kubernetes.children import deployment
from wakedock_operator.adapters.kubernetes.client import PatchType
from wakedock_operator.adapters.kubernetes.workloads.managed_fields import OPERATOR, holds
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.ports.workloads import Unsupported
from wakedock_operator.resource import Key

pytestmark = pytest.mark.kubernetes


class Operator:
    """An operator's workloads, and its WakeService `shop`."""

    def __init__(self, parts: OperatorWorkloads) -> None:
        self.parts, self.api, self.kubectl, self.workloads = parts, parts.api, parts.kubectl, parts.workloads
        self.path = f"/apis/apps/v1/namespaces/{self.kubectl.namespace}/deployments/shop"

    def define(self, spec: dict[str, Any] | None = None, **app: Any) -> Entry:
        given = {"hosts": ["shop.test"], "port": 8080, "app": {"image": "web:1", "command": ["serve"], **app}, **(spec or {})}
        return self.parts.define("shop", given)

    async def make(self, spec: dict[str, Any] | None = None, **app: Any) -> Key:
        entry = self.define(spec, **app)
        await self.workloads.ensure(entry.service, entry.uid)
        return entry.key

    async def make_again(self, key: Key) -> None:
        """What a controller does where something is undone."""
        assert await self.undone(key)
        entry = self.parts.shelf.entry(key)
        assert entry is not None
        await self.workloads.ensure(entry.service, entry.uid)
        assert not await self.undone(key)

    async def undone(self, key: Key) -> bool:
        return (await self.workloads.observe(key)).undone

    async def is_undone(self, key: Key) -> None:
        """Wait until the watches show it."""
        async with asyncio.timeout(20):
            while not await self.undone(key):
                await asyncio.sleep(0.05)

    async def deployment(self) -> dict[str, Any]:
        return await self.api.get(self.path)

    def children(self) -> dict[str, tuple[dict[str, Any], ...]]:
        """Of everything that was made: what is asked for, labels and annotations."""
        found = {name: self.kubectl.get(*name.split("/")) for name in ("deployment/shop", "service/shop-wakedock", "service/shop")}
        return {name: (each["spec"], each["metadata"]["labels"], each["metadata"]["annotations"]) for name, each in found.items()}

    def names(self, kind: str) -> set[str]:
        return self.parts.names(kind)


@pytest.fixture
async def operator(api: Path, kubectl: Kubectl) -> AsyncIterator[Operator]:
    async with workloads_of_operator(api, kubectl) as parts:
        yield Operator(parts)


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


@pytest.mark.parametrize("child", ["deployment/shop", "service/shop-wakedock", "service/shop"])
async def test_what_somebody_deletes_is_made_again(operator: Operator, child: str):
    key = await operator.make()
    assert not await operator.undone(key)
    operator.kubectl("delete", child)
    await operator.is_undone(key)
    await operator.make_again(key)
    assert operator.kubectl.get(*child.split("/"))["metadata"]["labels"]["wakedock.dev/service"] == "shop"
    # What was made again is looked after as what was made first.
    await operator.workloads.observe(key)
    operator.kubectl("set", "image", "deployment/shop", "app=web:2")
    await operator.is_undone(key)


async def test_what_was_deleted_while_nobody_watched_is_seen_by_the_next_list(operator: Operator):
    key = await operator.make()
    operator.workloads.services.replace_all(key.namespace, ())
    assert await operator.undone(key)
    # Nothing was wrong: it is left as it is.
    before = operator.kubectl.get("service", "shop")
    await operator.make_again(key)
    assert operator.kubectl.get("service", "shop") == before


CHANGES = pytest.mark.parametrize(
    "change",
    [
        ("set", "image", "deployment/shop", "app=web:2"),
        ("patch", "deployment/shop", "--type=json", '--patch=[{"op": "remove", "path": "/spec/template/spec/containers/0/command"}]'),
        ("label", "--overwrite", "deployment/shop", "wakedock.dev/service=other"),
        ("patch", "service/shop-wakedock", '--patch={"spec": {"selector": {"wakedock.dev/service": "other"}}}'),
        ("annotate", "service/shop", "wakedock.dev/applied-"),
    ],
    ids=lambda change: f"{change[0]} {change[1]}",
)


@CHANGES
async def test_what_somebody_changes_is_put_right(operator: Operator, change: tuple[str, ...]):
    key = await operator.make()
    wanted = operator.children()
    operator.kubectl(*change)
    await operator.is_undone(key)
    await operator.make_again(key)
    assert operator.children() == wanted


@CHANGES
async def test_so_is_what_was_changed_while_no_operator_ran(api: Path, kubectl: Kubectl, change: tuple[str, ...]):
    async with workloads_of_operator(api, kubectl) as parts:
        first = Operator(parts)
        await first.make()
        wanted = first.children()
    kubectl(*change)
    async with workloads_of_operator(api, kubectl) as parts:
        second = Operator(parts)
        await second.make()
        assert second.children() == wanted


FULL: dict[str, Any] = {
    "args": ["--port", "8080"],
    "env": [{"name": "MODE", "value": "fast"}],
    "envFrom": [{"configMapRef": {"name": "settings"}}],
    "volumes": [
        {"name": "data", "emptyDir": {}},
        {"name": "more", "configMap": {"name": "settings", "items": [{"key": "a", "path": "b"}]}},
    ],
    "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "more", "mountPath": "/more", "readOnly": True}],
    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 5},
    "securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
    "podTemplate": {
        "metadata": {"annotations": {"team": "a"}},
        "spec": {
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "spot", "operator": "Exists"}],
            "containers": [{"name": "beside", "image": "beside:1", "ports": [{"containerPort": 9000}]}],
        },
    },
}


async def test_what_nobody_changed_is_not_written_again_by_the_next_operator(api: Path, kubectl: Kubectl):
    for _ in range(2):
        async with workloads_of_operator(api, kubectl) as parts:
            operator = Operator(parts)
            with capture_logs() as logs:
                await operator.make(**FULL)
            assert [each["event"] for each in logs] == []
            entry = operator.define(**FULL)
            assert holds(await operator.deployment(), OPERATOR, deployment.applied(entry.service, entry.uid))


async def test_what_others_add_is_theirs(operator: Operator):
    key = await operator.make()
    operator.kubectl("scale", "deployment/shop", "--replicas=2")
    operator.kubectl("label", "deployment/shop", "team=a")
    operator.kubectl("rollout", "restart", "deployment/shop")
    operator.kubectl("annotate", "service/shop", "team=a")
    operator.kubectl("delete", "service/shop")
    await operator.is_undone(key)
    await operator.make_again(key)
    found = await operator.deployment()
    assert (found["spec"]["replicas"], found["metadata"]["labels"]["team"]) == (2, "a")
    assert "kubectl.kubernetes.io/restartedAt" in found["spec"]["template"]["metadata"]["annotations"]


async def test_what_a_definition_asks_for_no_more_is_nobodys_to_make(operator: Operator):
    key = await operator.make()
    await operator.make({"service": {"name": "shop-callers"}})
    operator.kubectl("delete", "service/shop")
    operator.kubectl("delete", "service/shop-callers")
    await operator.is_undone(key)
    await operator.make_again(key)
    assert operator.names("service") == {"service/shop-wakedock", "service/shop-callers"}
