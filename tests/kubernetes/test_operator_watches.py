"""What the operator hears of each kind, against a real API server."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hack.cluster.kubectl import Kubectl
from wakedock_operator.adapters.kubernetes.client import Api, connect
from wakedock_operator.adapters.kubernetes.gateways import PodGateways
from wakedock_operator.adapters.kubernetes.kopf_feed import KopfFeed
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.sweep import INTERVAL, Sweep
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.adapters.kubernetes.workloads.workloads import KubernetesWorkloads
from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.cli.cluster_settings import OperatorSettings
from wakedock_operator.cli.operator_watches import Watches
from wakedock_operator.resource import API_VERSION

pytestmark = pytest.mark.kubernetes

KINDS = ("wakeservices", "deployments.apps", "statefulsets.apps")
SHOP = {"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": "shop"}, "spec": {"targetRef": {"name": "shop"}}}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "shop"},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
    },
}
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}, "spec": {"ports": [{"port": 80}]}}


class Operator:
    """Its watches, in one namespace, and a monotonic clock for its sweep."""

    def __init__(self, api: Api, kubeconfig: Path, namespace: str) -> None:
        self.settings = OperatorSettings(kubeconfig=kubeconfig, namespace=namespace, watch_namespaces=(namespace,))
        self.shelf = Shelf(lambda _: None)
        self.shelf.replace_all([])
        self.moved = asyncio.Event()
        workloads, gateways = KubernetesWorkloads(api, self.shelf.entry), PodGateways(api, namespace=namespace, selector="a=b")
        self.feed = KopfFeed(
            put=self.shelf.put,
            drop=self.shelf.drop,
            moved=lambda _: self.moved.set(),
            workloads=self.settings.scale_targets,
            namespaces=(namespace,),
            kubeconfig=kubeconfig,
        )
        self.watches = Watches(
            feed=self.feed,
            services=workloads.services.watching(api, (namespace,)),
            pods=Watching(api, gateways.path, put=gateways.put, drop=gateways.drop, replace_all=gateways.replace_all, selector="a=b"),
        )
        self.now = 1000.0
        self.sweep = Sweep(api, self.watches.watched(self.settings, self.shelf), monotonic=lambda: self.now)

    async def until(self, known: int) -> None:
        """Wait until so many WakeServices are known."""
        async with asyncio.timeout(30):
            async for _ in self.shelf.definitions.follow((None,)):
                if len(self.shelf.uids()) == known:
                    return

    async def moves(self) -> None:
        """Wait for the event of a workload."""
        async with asyncio.timeout(30):
            await self.moved.wait()

    async def look(self) -> tuple[str, ...]:
        self.now += INTERVAL
        await self.sweep.once()
        return self.sweep.stale


@pytest.fixture
async def operator(api: Path, namespace: str) -> AsyncIterator[Operator]:
    connected = await connect(kubeconfig=api)
    yield Operator(connected, api, namespace)
    await connected.close()


@asynccontextmanager
async def hearing(operator: Operator) -> AsyncIterator[None]:
    """All watches at work, those that list first after their first list."""
    operator.feed.start()
    watching: list[Watching[Any]] = [*operator.watches.services, operator.watches.pods]
    following = [asyncio.create_task(each.run()) for each in watching]
    for each in watching:
        await each.synced.wait()
    yield
    for task in following:
        task.cancel()
    await asyncio.wait(following)
    await operator.feed.stop()
    with warnings.catch_warnings():
        # kopf's loop ends before the farewells of its TLS connections have been answered.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


async def test_each_kind_has_an_age_of_its_own(operator: Operator, kubectl: Kubectl):
    async with hearing(operator):
        kubectl.apply(SHOP)
        await operator.until(1)
        before = {kind: operator.feed.heard[kind].last for kind in KINDS}
        kubectl.apply(DEPLOYMENT)
        await operator.moves()
        after = {kind: operator.feed.heard[kind].last for kind in KINDS}
    assert [kind for kind in KINDS if before[kind] != after[kind]] == ["deployments.apps"]


async def test_every_watched_kind_is_a_series(operator: Operator):
    metrics = Metrics()
    operator.watches.tell_ages(metrics)
    series = metrics.registry.get_sample_value
    kinds = (*KINDS, "services", "pods")
    assert [kind for kind in kinds if series("wakedock_watch_age_seconds", {"resource": kind}) is None] == []


async def test_watches_that_live_are_not_stale(operator: Operator, kubectl: Kubectl):
    for each in (SHOP, DEPLOYMENT, SERVICE):
        kubectl.apply(each)
    async with hearing(operator):
        await operator.until(1)
        await operator.moves()
        assert [await operator.look(), await operator.look()] == [(), ()]


async def test_watches_that_are_dead_are_found_one_by_one(operator: Operator, kubectl: Kubectl):
    """Nothing runs that would hear: each kind that has an object is behind."""
    for each in (SHOP, DEPLOYMENT, SERVICE):
        kubectl.apply(each)
    assert await operator.look() == ()
    assert await operator.look() == ("wakeservices", "deployments.apps", "services")


async def test_a_wakeservice_that_was_deleted_unheard_is_dropped(operator: Operator, kubectl: Kubectl):
    kubectl.apply(SHOP)
    operator.shelf.put(kubectl.get("wks", "shop"))
    kubectl("delete", "wks/shop")
    await operator.look()
    assert operator.shelf.uids() == frozenset()
