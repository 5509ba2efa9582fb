"""Callers inside the cluster, by the name of a Service: no host, no gateway, nothing to configure."""

import asyncio

import pytest

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import ClusterError
from tests.cluster.installation import Installation, Seen, app, wakeservice
from tests.cluster.under_load import callers_address, under_load
from tests.cluster.workloads import Ledger, service, workload

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def get(kubectl: Kubectl, url: str) -> str:
    """What a pod of the namespace is answered."""
    return kubectl("exec", "deployment/ledger", "--", "/testapp", "get", url)


def test_another_pod_wakes_an_app_by_its_name(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    kubectl.apply(app(kubectl.namespace, "wiki", hosts=[]))
    wiki = Seen(kubectl, "wiki")
    asleep = wiki.ready()
    callers_address(kubectl, "wiki")
    for url in ("http://wiki", f"http://wiki.{kubectl.namespace}.svc.cluster.local/page"):
        assert get(kubectl, url).startswith("200")
        awake = wiki.until("Awake", after=asleep["epoch"])
        assert awake["wokenBy"] == "Request"
        asleep = wiki.until("Asleep", after=awake["epoch"])
    port = wiki.status()["servicePort"]
    assert 20_000 <= port < 30_000
    kubectl("delete", "wakeservice/wiki", "--timeout=30s")
    for child in ("service/wiki", "service/wiki-wakedock", "endpointslice/wiki-wakedock-ipv4"):
        kubectl("wait", "--for=delete", child, "--timeout=30s")


def test_a_target_gets_the_name_that_its_definition_chooses(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    kubectl.apply(workload("shop", replicas=1), service("shop"))
    kubectl.apply(
        wakeservice(kubectl.namespace, "shop", hosts=[], targetRef={"name": "shop"}, service={"name": "shop-awake", "port": 8000})
    )
    Seen(kubectl, "shop").ready()
    kubectl("wait", "--for=create", "endpointslice/shop-awake-wakedock-ipv4", "--timeout=30s")
    kubectl("exec", "deployment/ledger", "--", "/testapp", "reach", "shop-awake:8000")
    assert get(kubectl, "http://shop-awake:8000/").startswith("200")
    assert kubectl.get("service", "shop")["spec"]["selector"] == {"app": "shop"}


def test_networks_limit_the_callers(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    kubectl.apply(app(kubectl.namespace, "wiki", service={"from": ["192.0.2.0/24"]}))
    Seen(kubectl, "wiki").ready()
    callers_address(kubectl, "wiki")
    with pytest.raises(ClusterError):
        get(kubectl, "http://wiki")
    assert Seen(kubectl, "wiki").status()["serving"] == "Asleep"


async def test_pools_of_connections_while_gateways_come_and_go(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    async def restart() -> None:
        wakedock.kubectl("rollout", "restart", "deployment/wakedock-gateway")
        await asyncio.to_thread(wakedock.kubectl, "rollout", "status", "deployment/wakedock-gateway", "--timeout=180s")

    await under_load(wakedock, kubectl, ledger, restart, by_service=True)
