"""WakeDock is taken away in every order that people find: targets get their replicas back.

The API server is these tests' own, as the definition of WakeServices goes with them. There are no controllers: a namespace that is deleted
stays on its way out, nothing can be made in it, and what is in it the test deletes.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from hack.cluster import api_server
from hack.cluster.kubectl import Kubectl
from tests.charts.conftest import Render, helm, render
from tests.charts.objects import Object
from tests.kubernetes.conftest import built_layout, define_wakeservices
from tests.kubernetes.release import Release, running, until
from wakedock_operator.adapters.kubernetes.catalog import PLURAL
from wakedock_operator.adapters.kubernetes.client import connect
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.sweep import Sweep, Watched
from wakedock_operator.cli.main import app
from wakedock_operator.errors import ExitCode
from wakedock_operator.resource import API_VERSION

__all__ = ["helm", "render"]  # fixtures

pytestmark = [pytest.mark.kubernetes, pytest.mark.charts]

SPEC = {"hosts": ["shop.test"], "port": 8080, "targetRef": {"name": "shop"}}
WAKESERVICE = {"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": "shop"}, "spec": SPEC}
CRD = "customresourcedefinition/wakeservices.wakedock.dev"


def deployment(name: str, *, count: int) -> Object:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": count, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def has(kubectl: Kubectl, name: str, count: int) -> bool:
    """Whether a Deployment is to have so many replicas."""
    return bool(kubectl.get("deployment", name)["spec"]["replicas"] == count)


def remembered(kubectl: Kubectl) -> bool:
    """Whether the replicas of some target are remembered."""
    return "configmap/wakedock-replicas" in kubectl("get", "configmaps", "--output=name").split()


@dataclass(frozen=True, slots=True)
class Installed:
    """A release with its operator, and a namespace with a target of two replicas that is at zero."""

    release: Release
    apps: Kubectl

    def awake(self) -> bool:
        return has(self.apps, "shop", 2)

    async def by_hand(self) -> int:
        """An administrator runs `wakedock restore`, from anywhere; returns its exit code."""
        ended = await asyncio.to_thread(CliRunner().invoke, app, ["restore", f"--kubeconfig={self.apps.kubeconfig}"])
        return ended.exit_code

    def delete_namespace(self) -> None:
        """That of the release, with everything in it."""
        kubectl = self.release.kubectl
        kubectl("delete", "namespace", kubectl.namespace, "--wait=false")
        kubectl("delete", "deployments,pods,leases,configmaps,serviceaccounts,roles,rolebindings", "--all", "--force")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The administrator's kubeconfig."""
    with api_server.running(built_layout(), tmp_path_factory.mktemp("api-server")) as kubeconfig:
        yield kubeconfig


@pytest.fixture
async def installed(alone: Path, render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Installed]:
    monkeypatch.setattr("wakedock_operator.cli.logging.set_up_logging", lambda **_: None)
    admin, own = Kubectl(alone), f"wakedock-{uuid4().hex[:8]}"
    apps = Kubectl(alone, f"{own}-apps")
    define_wakeservices(admin)
    admin.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (own, apps.namespace)))
    async with running(Release(alone, render(namespace=own), own, tmp_path)) as release:
        release.kubectl.apply(deployment("wakedock-operator", count=1))
        await release.operator()
        apps.apply(deployment("shop", count=2), WAKESERVICE)
        await until(remembered, apps)
        apps("scale", "deployment/shop", "--replicas=0")
        one = Installed(release, apps)
        yield one
        assert one.awake()
        assert not remembered(apps) or "shop" in apps("get", "wakeservices", "--output=name")


async def test_the_job_restores_with_the_wakeservices_still_there(installed: Installed):
    await installed.release.kill_operator()
    assert await installed.release.restore() == ExitCode.OK
    assert has(installed.release.kubectl, "wakedock-operator", 0)
    assert installed.awake()
    assert "shop" in installed.apps("get", "wakeservices", "--output=name")


async def test_the_definition_is_deleted_first_under_an_operator_that_runs(installed: Installed):
    installed.apps("delete", CRD)
    await until(installed.awake)


async def test_the_definition_is_deleted_first_and_the_job_restores(installed: Installed):
    await installed.release.kill_operator()
    installed.apps("delete", CRD)
    assert await installed.release.restore() == ExitCode.OK


async def test_the_definition_is_gone_when_an_operator_comes_back(installed: Installed):
    await installed.release.kill_operator()
    installed.apps("delete", CRD)
    await installed.release.operator()
    await until(installed.awake)


async def test_what_was_deleted_with_the_definition_is_found_to_be_gone(installed: Installed):
    api, shelf = await connect(kubeconfig=installed.apps.kubeconfig), Shelf(lambda _: None)
    shelf.replace_all([installed.apps.get("wakeservice", "shop")])
    installed.apps("delete", CRD)
    watched = Watched(PLURAL, PLURAL, lambda _: 0, known=shelf.uids, forget=shelf.forget, api_version=API_VERSION)
    await Sweep(api, [watched]).once()
    await api.close()
    assert shelf.snapshot().entries == {}
    await until(installed.awake)


async def test_the_namespace_of_the_release_goes_first_and_somebody_restores_by_hand(installed: Installed):
    installed.delete_namespace()
    await installed.release.kill_operator()
    installed.apps("delete", "wakeservice/shop")
    assert await installed.by_hand() == ExitCode.OK


async def test_everything_is_gone_but_the_counts(installed: Installed):
    await installed.release.kill_operator()
    installed.delete_namespace()
    installed.apps("delete", CRD)
    assert not installed.awake()
    assert await installed.by_hand() == ExitCode.OK


async def test_restored_by_hand_what_is_there_already_stays_as_it_is(installed: Installed):
    await installed.release.kill_operator()
    installed.apps("delete", "wakeservice/shop")
    assert await installed.by_hand() == ExitCode.OK
    installed.apps("scale", "deployment/shop", "--replicas=0")
    assert await installed.by_hand() == ExitCode.OK
    assert has(installed.apps, "shop", 0)
    installed.apps("scale", "deployment/shop", "--replicas=2")
