"""`wakedock restore` as the chart runs it before it goes."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hack.cluster.kubectl import Kubectl
from wakedock_operator.adapters.kubernetes.client import Api, connect
from wakedock_operator.cli.cluster_settings import RestoreSettings
from wakedock_operator.cli.restore import run, stop_operator
from wakedock_operator.errors import ExitCode

pytestmark = pytest.mark.kubernetes

OPERATOR = {"app.kubernetes.io/component": "operator", "app.kubernetes.io/instance": "wakedock"}


@pytest.fixture
async def connected(api: Path) -> AsyncIterator[Api]:
    opened = await connect(kubeconfig=api)
    yield opened
    await opened.close()


def pod(kubectl: Kubectl, name: str, *, phase: str = "Running", instance: str = "wakedock") -> None:
    labels = OPERATOR | {"app.kubernetes.io/instance": instance}
    spec = {"containers": [{"name": "operator", "image": "wakedock:1"}], "automountServiceAccountToken": False}
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec})
    kubectl("patch", f"pod/{name}", "--subresource=status", "--type=merge", f"--patch={json.dumps({'status': {'phase': phase}})}")


def operator(kubectl: Kubectl) -> None:
    template = {"metadata": {"labels": OPERATOR}, "spec": {"containers": [{"name": "operator", "image": "wakedock:1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": OPERATOR}, "template": template}
    kubectl.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "wakedock-operator"}, "spec": spec})


async def test_only_pods_of_this_operator_that_still_run_are_waited_for(connected: Api, kubectl: Kubectl):
    operator(kubectl)
    pod(kubectl, "evicted", phase="Failed")
    pod(kubectl, "of-another-release", instance="staging")
    async with asyncio.timeout(30):
        await stop_operator(connected, kubectl.namespace, "wakedock-operator", within=60)
    assert kubectl.get("deployment", "wakedock-operator")["spec"]["replicas"] == 0


async def test_an_operator_that_still_runs_is_waited_for_until_it_is_gone(connected: Api, kubectl: Kubectl):
    operator(kubectl)
    pod(kubectl, "running")
    stopping = asyncio.create_task(stop_operator(connected, kubectl.namespace, "wakedock-operator", within=60))
    await asyncio.to_thread(kubectl, "wait", "--for=jsonpath={.spec.replicas}=0", "deployment/wakedock-operator", "--timeout=20s")
    assert not stopping.done()
    await asyncio.to_thread(kubectl, "delete", "pod/running", "--force", "--grace-period=0")
    async with asyncio.timeout(30):
        await stopping


async def test_an_operator_on_a_lost_node_is_not_waited_for_for_ever(connected: Api, kubectl: Kubectl):
    operator(kubectl)
    pod(kubectl, "lost")
    async with asyncio.timeout(30):
        await stop_operator(connected, kubectl.namespace, "wakedock-operator", within=0.1)


async def test_without_an_operator_there_is_nothing_to_stop(connected: Api, kubectl: Kubectl):
    await stop_operator(connected, kubectl.namespace, "wakedock-operator")


def remembered(kubectl: Kubectl, *kinds: str) -> None:
    """A ConfigMap as the operator has left it, and no WakeService."""
    data = {
        f"{kind}.apps.shop": json.dumps({"replicas": 3, "uid": "gone", "apiVersion": "apps/v1", "kind": kind, "name": "shop"})
        for kind in kinds
    }
    kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "wakedock-replicas"}, "data": data})


def test_by_hand_it_puts_back_what_wakeservices_have_left_that_are_gone(api: Path, kubectl: Kubectl):
    template = {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "shop"}}, "template": template}
    kubectl.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": spec})
    remembered(kubectl, "Deployment", "StatefulSet")
    settings = RestoreSettings(kubeconfig=api, watch_namespaces=(kubectl.namespace,))
    assert run(settings) is ExitCode.OK
    assert kubectl.get("deployment", "shop")["spec"]["replicas"] == 3
    assert kubectl("get", "configmap", "--output=name", "--field-selector=metadata.name=wakedock-replicas") == ""
