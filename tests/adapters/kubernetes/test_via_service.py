"""Which addresses a gateway may grant: those of pods, or with `wake.via: Service` the ClusterIP alone."""

from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes.errors import NotFound
from wakedock_operator.adapters.kubernetes.workloads.instances import STABLE
from wakedock_operator.adapters.kubernetes.workloads.waking import KubernetesWaking
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import Key, WakeService

Object = dict[str, Any]
SHOP = Key("team", "shop")
COLLECTIONS = "/apis/apps/v1/namespaces/team"
LABELS = {"app": "shop"}


def owner(uid: str) -> Object:
    return {"ownerReferences": [{"uid": uid, "controller": True}]}


def pod(name: str, *, ready: bool, ip: str = "10.244.0.7", ending: bool = False) -> Object:
    metadata = {"name": name, "uid": name, **owner("rs")} | ({"deletionTimestamp": "2026-03-01T12:00:00Z"} if ending else {})
    status = {"podIP": ip, "phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]}
    return {"metadata": metadata, "spec": {"containers": [{"name": "c"}]}, "status": status}


class Server:
    """A Deployment of one replica, its pods, and perhaps its Service."""

    def __init__(self, *pods: Object, service: Object | None) -> None:
        self.pods, self.service = pods, service

    async def get(self, path: str) -> Object:
        if path == f"{COLLECTIONS}/deployments/shop":
            spec = {"replicas": 1, "selector": {"matchLabels": LABELS}}
            return {"metadata": {"uid": "d", "resourceVersion": "1"}, "spec": spec, "status": {"observedGeneration": 1}}
        if path == "/api/v1/namespaces/team/services/shop-wakedock" and self.service is not None:
            return self.service
        raise NotFound(path)

    async def read_all(self, path: str, **_: str) -> list[Object]:
        if path == f"{COLLECTIONS}/replicasets":
            return [{"metadata": {"uid": "rs", **owner("d")}, "spec": {"replicas": 1}}]
        return [*self.pods]


OWN = {"metadata": {"ownerReferences": [{"uid": "uid"}]}, "spec": {"clusterIP": "10.96.0.5", "ports": [{"port": 8080}]}}
READY, STARTING = pod("new", ready=True), pod("new", ready=False)


async def granted(*pods: Object, via: str, service: Object | None = OWN) -> dict[str, str]:
    """The addresses of live instances that are ready, by their id."""
    spec = {"hosts": ["shop.example.org"], "port": 8080, "targetRef": {"name": "shop"}, "wake": {"via": via}}
    wanted = WakeService.from_document({"metadata": {"name": "shop", "namespace": "team"}, "spec": spec})
    server = Server(*pods, service=service)
    waking = KubernetesWaking(server, {SHOP: Entry(wanted, "uid", 1, 1, "test")}.get)  # type: ignore[arg-type] # all that it asks of it
    seen = await waking.observe(SHOP)
    waking.close()
    return {each.id: each.address for each in seen.live if each.ready}


async def test_pods_are_granted_at_their_own_addresses():
    assert await granted(READY, via="Pod") == {"new": "10.244.0.7:8080"}


async def test_via_the_service_only_the_cluster_ip_is_granted():
    assert await granted(READY, via="Service") == {STABLE: "10.96.0.5:8080"}


@pytest.mark.parametrize(
    "pods", [(), (STARTING,), (pod("old", ready=True, ending=True),)], ids=["no pod", "one that starts", "one that ends"]
)
async def test_via_the_service_nothing_is_granted_while_behind_it_there_is_only(pods: tuple[Object, ...]):
    assert await granted(*pods, via="Service") == {}


@pytest.mark.parametrize(
    "service",
    [
        None,
        OWN | {"metadata": {"ownerReferences": [{"uid": "another"}]}},
        OWN | {"spec": {"clusterIP": "None", "ports": [{"port": 8080}]}},
        OWN | {"spec": {"ports": [{"port": 8080}]}},
        OWN | {"spec": {"clusterIP": "10.96.0.5"}},
    ],
    ids=["not there", "somebody else's", "headless", "without an address yet", "without a port"],
)
async def test_via_the_service_nothing_is_granted_while_the_service_is(service: Object | None):
    assert await granted(READY, via="Service", service=service) == {}


async def test_an_ipv6_cluster_ip_stands_in_brackets():
    service = OWN | {"spec": {"clusterIP": "fd00::5", "ports": [{"port": 8080}]}}
    assert await granted(READY, via="Service", service=service) == {STABLE: "[fd00::5]:8080"}
