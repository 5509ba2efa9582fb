"""Replicas that are put back: each target on its own, whatever becomes of the others."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from hack.cluster.kubectl import Kubectl
from tests.kubernetes.accounts import allow, kubeconfig_of, rule
from wakedock_operator.adapters.kubernetes.children import replicas
from wakedock_operator.adapters.kubernetes.children.restoring import Leftovers, Restoration, restore_all
from wakedock_operator.adapters.kubernetes.client import Api, connect
from wakedock_operator.adapters.kubernetes.workloads.targets import Kinds, Target
from wakedock_operator.cli.cluster_settings import RestoreSettings
from wakedock_operator.cli.main import app
from wakedock_operator.cli.restore import PATIENCE, restored
from wakedock_operator.errors import ExitCode, NotRunning

pytestmark = pytest.mark.kubernetes

ACCOUNT = "restore"
COUNTS = rule("configmaps", "get", "patch", "delete", names=(replicas.CONFIG_MAP,))
EVERY_SCALE = rule("deployments/scale.apps", "get", "patch")
ENDED = "uid-of-one-that-ended"


class Asleep:
    """Targets at zero whose replicas are remembered, and an account that puts them back."""

    def __init__(self, admin: Api, kubectl: Kubectl, kubeconfig: Path, api: Api) -> None:
        self.admin, self.kubectl, self.kubeconfig, self.api = admin, kubectl, kubeconfig, api

    async def target(self, name: str, *, uid: str = ENDED) -> Target:
        """One that had two replicas, which the WakeService of that uid has taken."""
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
        spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
        self.kubectl.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})
        made = Target(self.kubectl.namespace, "apps/v1", "Deployment", name)
        await replicas.remember(self.admin, made, 2, uid)
        return made

    def count(self, name: str) -> int:
        found: int = self.kubectl.get("deployment", name)["spec"]["replicas"]
        return found

    async def counted(self, name: str, count: int) -> None:
        """Wait until it has so many replicas."""
        async with asyncio.timeout(20):
            while await asyncio.to_thread(self.count, name) != count:
                await asyncio.sleep(0.05)

    def may_scale(self, *names: str) -> None:
        """These and no others."""
        allow(self.kubectl, ACCOUNT, COUNTS, rule("deployments/scale.apps", "get", "patch", names=names))

    async def restored(self) -> Restoration:
        return await restore_all(self.api, [self.kubectl.namespace])

    def leftovers(self, *alive: str) -> Leftovers:
        """Of an operator that is told that these WakeServices are there."""

        async def there(_: str) -> tuple[str, ...]:
            return alive

        return Leftovers(self.api, there, [self.kubectl.namespace])


@pytest.fixture
async def asleep(api: Path, kubectl: Kubectl, tmp_path: Path) -> AsyncIterator[Asleep]:
    kubeconfig = kubeconfig_of(kubectl, ACCOUNT, tmp_path)
    allow(kubectl, ACCOUNT, COUNTS, EVERY_SCALE)
    admin, limited = await connect(kubeconfig=api), await connect(kubeconfig=kubeconfig)
    yield Asleep(admin, kubectl, kubeconfig, limited)
    await limited.close()
    await admin.close()


async def test_a_target_that_is_refused_is_told_and_the_others_get_their_replicas_back(asleep: Asleep):
    first, refused, last = [await asleep.target(name) for name in ("first", "refused", "second")]
    asleep.may_scale("first", "second")
    restoration = await asleep.restored()
    assert restoration.scaled == (first, last)
    assert list(restoration.failed) == [str(refused)]
    assert "403 Forbidden" in restoration.failed[str(refused)]
    assert [asleep.count(name) for name in ("first", "refused", "second")] == [2, 0, 2]
    asleep.may_scale("refused")
    assert await asleep.restored() == Restoration((refused,), {})
    assert asleep.count("refused") == 2


async def test_a_namespace_that_may_not_be_read_keeps_no_other_from_being_put_back(asleep: Asleep):
    shop = await asleep.target("shop")
    restoration = await restore_all(asleep.api, ["gone-with-its-roles", asleep.kubectl.namespace])
    assert restoration.scaled == (shop,)
    assert list(restoration.failed) == ["the targets of namespace gone-with-its-roles"]


async def test_the_command_says_what_it_could_not_put_back_and_fails(asleep: Asleep, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wakedock_operator.cli.logging.set_up_logging", lambda **_: None)
    refused, _ = [await asleep.target(name) for name in ("refused", "shop")]
    words = ["restore", f"--kubeconfig={asleep.kubeconfig}", f"--watch-namespaces={asleep.kubectl.namespace}"]
    asleep.may_scale("shop")
    ended = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert ended.exit_code == ExitCode.NOT_RESTORED
    assert f"wakedock: {refused} could not be put back: " in ended.stderr
    assert asleep.count("shop") == 2
    asleep.may_scale("refused")
    assert (await asyncio.to_thread(CliRunner().invoke, app, words)).exit_code == ExitCode.OK
    assert asleep.count("refused") == 2


async def test_what_ended_while_nobody_watched_gets_its_replicas_back(asleep: Asleep):
    await asleep.target("shop")
    kept = await asleep.target("kept", uid="uid-of-one-that-is-there")
    running = asyncio.create_task(asleep.leftovers("uid-of-one-that-is-there").run())
    await asleep.counted("shop", 2)
    running.cancel()
    await asyncio.wait({running})
    assert asleep.count("kept") == 0
    assert await replicas.remembered(asleep.admin, kept) == 2


async def test_what_is_refused_is_tried_again_and_keeps_nobody_waiting(asleep: Asleep):
    for name in ("refused", "shop"):
        await asleep.target(name)
    asleep.may_scale("shop")
    running = asyncio.create_task(asleep.leftovers().run())
    await asleep.counted("shop", 2)
    assert asleep.count("refused") == 0
    asleep.may_scale("refused")
    await asleep.counted("refused", 2)
    running.cancel()
    await asyncio.wait({running})


async def test_a_successor_that_took_the_target_over_keeps_it(asleep: Asleep):
    shop = await asleep.target("shop", uid="uid-of-its-successor")
    assert not await replicas.put_back(asleep.api, Kinds(asleep.api), shop, uid=ENDED)
    assert asleep.count("shop") == 0
    assert await replicas.remembered(asleep.api, shop) == 2


class Operator:
    """The Deployment of one, with pods of which the test says what the kubelet would."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl
        self.labels = {"app.kubernetes.io/component": "operator", "app.kubernetes.io/instance": "wakedock"}
        template = {"metadata": {"labels": self.labels}, "spec": {"containers": [{"name": "operator", "image": "wakedock:1"}]}}
        spec = {"replicas": 1, "selector": {"matchLabels": self.labels}, "template": template}
        kubectl.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "wakedock-operator"}, "spec": spec})

    def pod(self, name: str, phase: str, **labels: str) -> None:
        """On a node from which nothing is heard: deleted, it stays."""
        metadata = {"name": name, "labels": self.labels | {f"app.kubernetes.io/{label}": value for label, value in labels.items()}}
        spec = {"nodeName": "lost", "containers": [{"name": "operator", "image": "wakedock:1"}]}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        said = json.dumps({"status": {"phase": phase}})
        self.kubectl("patch", "pod", name, "--subresource=status", "--type=merge", f"--patch={said}")

    async def stopped(self) -> None:
        async with asyncio.timeout(20):
            while (await asyncio.to_thread(self.kubectl.get, "deployment", "wakedock-operator"))["spec"]["replicas"]:
                await asyncio.sleep(0.05)


@pytest.fixture
def operator(kubectl: Kubectl) -> Operator:
    return Operator(kubectl)


@pytest.fixture
def settings(api: Path, namespace: str) -> RestoreSettings:
    return RestoreSettings(kubeconfig=api, namespace=namespace, watch_namespaces=(namespace,), stop_operator="wakedock-operator")


async def test_nothing_is_put_back_while_the_operator_ends(asleep: Asleep, operator: Operator, settings: RestoreSettings):
    await asleep.target("shop")
    operator.pod("ending", "Running")
    restoring = asyncio.create_task(restored(settings))
    await operator.stopped()
    assert (asleep.count("shop"), restoring.done()) == (0, False)
    await asyncio.to_thread(asleep.kubectl, "delete", "pod", "ending", "--force")
    await restoring
    assert asleep.count("shop") == 2


@pytest.mark.parametrize(
    "phase, labels",
    [("Failed", {}), ("Succeeded", {}), ("Running", {"instance": "another"})],
    ids=["evicted", "ended", "of another release"],
)
async def test_what_is_no_operator_of_this_release_or_none_any_more_is_not_waited_for(
    asleep: Asleep, operator: Operator, settings: RestoreSettings, phase: str, labels: dict[str, str]
):
    await asleep.target("shop")
    operator.pod("beside", phase, **labels)
    async with asyncio.timeout(PATIENCE / 2):
        await restored(settings)
    assert asleep.count("shop") == 2


async def test_an_operator_that_never_ends_is_not_waited_for_any_longer(
    asleep: Asleep, operator: Operator, settings: RestoreSettings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wakedock_operator.cli.restore.PATIENCE", 1.0)
    await asleep.target("shop")
    operator.pod("unheard-of", "Running")
    asleep.kubectl("delete", "pod", "unheard-of", "--wait=false")
    with capture_logs() as logged:
        await restored(settings)
    assert asleep.count("shop") == 2
    (said,) = [each for each in logged if each["log_level"] == "warning"]
    assert said["pods"] == ["unheard-of"]


async def test_nothing_is_put_back_where_the_operator_may_not_be_stopped(asleep: Asleep, operator: Operator, settings: RestoreSettings):
    await asleep.target("shop")
    asleep.may_scale("shop")
    with pytest.raises(NotRunning, match="cannot be stopped"):
        await restored(settings.model_copy(update={"kubeconfig": asleep.kubeconfig}))
    assert asleep.count("shop") == 0
