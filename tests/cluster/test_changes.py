"""What people and controllers do to a workload under WakeDock's hands."""

import asyncio
import urllib.error
from collections.abc import Callable
from typing import Any

import pytest

from hack.cluster.kubectl import Kubectl
from tests.audit import ScaleWrite, changes
from tests.cluster.asking import ask
from tests.cluster.installation import Installation, Seen, app, host, reason, wakeservice
from tests.cluster.load import Load
from tests.cluster.under_load import put_to_sleep, under_load
from tests.cluster.workloads import Ledger, workload

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def image(kubectl: Kubectl, name: str) -> str:
    """What the newest template says."""
    found: str = kubectl.get("deployment", name)["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def test_a_template_changed_at_zero_is_what_wakes(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(workload("shop", replicas=1))
    kubectl.apply(wakeservice(kubectl.namespace, "shop", targetRef={"name": "shop"}))
    shop = Seen(kubectl, "shop")
    asleep = shop.ready()
    kubectl("wait", "--for=jsonpath={.spec.replicas}=0", "deployment/shop", "--timeout=30s")
    kubectl("set", "env", "deployment/shop", "VERSION=2")
    changed = kubectl.get("deployment", "shop")["metadata"]["generation"]
    kubectl("wait", f"--for=jsonpath={{.status.observedGeneration}}={changed}", "deployment/shop", "--timeout=30s")
    status, name = ask(wakedock.address, shop.host)
    assert status == 200
    shop.until("Awake", after=asleep["epoch"])
    answered = kubectl.get("pod", name.decode().strip())
    assert {"name": "VERSION", "value": "2"} in answered["spec"]["containers"][0].get("env", ())


async def test_restarts_of_the_app_under_load(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    """A rolling restart of an app that answers what it was sent; WakeDock keeps requests away from pods that end."""

    async def restart() -> None:
        for _ in range(2):
            kubectl("rollout", "restart", "deployment/shop")
            await asyncio.sleep(5)

    await under_load(wakedock, kubectl, ledger, restart, env={"ON_SIGTERM": "drain"})


def test_a_stuck_rollout_does_not_end_the_pods_that_serve(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(workload("shop", replicas=1))
    kubectl("rollout", "status", "deployment/shop", "--timeout=60s")
    kubectl.apply(wakeservice(kubectl.namespace, "shop", targetRef={"name": "shop"}, idleTimeout="15s"))
    shop = Seen(kubectl, "shop")
    shop.watch(lambda status: status.get("serving") == "Awake" and reason(status, "Routed") == "Routed")
    kubectl("set", "image", "deployment/shop", "shop=wakedock.local/nowhere:1")
    blocked = shop.watch(lambda status: reason(status, "SleepBlocked") == "RolloutInProgress")
    assert blocked["serving"] == "Awake"
    assert ask(wakedock.address, shop.host)[0] == 200
    kubectl("rollout", "undo", "deployment/shop")
    shop.until("Asleep", after=blocked["epoch"])


def test_a_version_that_never_comes_up_is_the_same_at_every_gateway(wakedock: Installation, kubectl: Kubectl):
    """It is defined after one gateway has granted requests and before Kubernetes calls the pod ready: the version before serves on."""
    made = app(kubectl.namespace, "shop", idleTimeout="1h", wake={"timeout": "20s"})
    made["spec"]["app"]["readinessProbe"] |= {"periodSeconds": 5, "initialDelaySeconds": 6}
    kubectl.apply(made)
    shop = Seen(kubectl, "shop")
    asleep = shop.ready()
    gateways = wakedock.gateways()
    victim, address = next(iter(gateways.items()))
    assert ask(address, shop.host)[0] == 200
    made["spec"]["app"]["image"] = "wakedock.local/nowhere:1"
    kubectl.apply(made)
    assert reason(shop.until("Awake", after=asleep["epoch"]), "Ready") in {"Served", "NotRouted"}
    assert [ask(each, shop.host)[0] for each in gateways.values()] == [200, 200]
    wakedock.kubectl("delete", "pod", victim)
    wakedock.rolled_out("gateway")
    assert [ask(each, shop.host)[0] for each in wakedock.gateways().values()] == [200, 200]


def test_an_app_that_ignores_sigterm_is_asleep_for_callers_and_wakes_as_a_new_pod(wakedock: Installation, kubectl: Kubectl):
    """And is awake long before the old one is gone: nothing goes there any more, and no start is given up on its account."""
    grace, timeout = {"gracePeriod": "30s"}, {"timeout": "10s"}
    kubectl.apply(app(kubectl.namespace, "shop", env={"ON_SIGTERM": "ignore"}, sleep=grace, wake=timeout))
    shop = Seen(kubectl, "shop")
    asleep = shop.ready()
    _, first = ask(wakedock.address, shop.host)
    awake = shop.until("Awake", after=asleep["epoch"])
    slept = shop.until("Asleep", after=awake["epoch"])
    kubectl("wait", "--for=jsonpath={.spec.replicas}=0", "deployment/shop", "--timeout=30s")
    _, second = ask(wakedock.address, shop.host)
    assert first != second
    awake = shop.until("Awake", after=slept["epoch"])
    assert _ending(kubectl) == [False, True]
    while len(_ending(kubectl)) > 1:
        assert ask(wakedock.address, shop.host) == (200, second)
    assert (shop.status()["state"], shop.status()["epoch"]) == ("Awake", awake["epoch"])


def _ending(kubectl: Kubectl) -> list[bool]:
    """Of each pod, whether it is on its way out; those that are come last."""
    pods = kubectl.get("pods", "--selector=wakedock.dev/service=shop")["items"]
    return sorted(pod["metadata"].get("deletionTimestamp") is not None for pod in pods)


def test_a_target_that_is_deleted_is_told_and_comes_back(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(workload("shop", replicas=1))
    kubectl.apply(wakeservice(kubectl.namespace, "shop", targetRef={"name": "shop"}, wake={"timeout": "20s", "failFast": True}))
    shop = Seen(kubectl, "shop")
    shop.ready()
    kubectl("delete", "deployment/shop", "--timeout=60s")
    shop.watch(lambda status: reason(status, "Ready") == "TargetMissing")
    kubectl("annotate", "wakeservice/shop", "wakedock.dev/wake=1")
    failed = shop.watch(lambda status: status.get("state") == "Failed")
    assert failed["drain"]["cause"]["reason"] == "TargetMissing"
    kubectl.apply(workload("shop", replicas=1))
    assert shop.until("Awake", after=failed["epoch"])["wokenBy"] in {"Scaled", "Command"}
    assert ask(wakedock.address, shop.host)[0] == 200


def test_what_was_made_for_an_app_comes_back(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(app(kubectl.namespace, "shop"))
    shop = Seen(kubectl, "shop")
    asleep = shop.ready()
    made = ("deployment/shop", "service/shop-wakedock", "service/shop")
    before = {name: kubectl.get(*name.split("/"))["metadata"]["uid"] for name in made}
    kubectl("delete", *made, "--timeout=60s")
    assert ask(wakedock.address, shop.host)[0] == 200
    awake = shop.until("Awake", after=asleep["epoch"])
    for name in made:
        kubectl("wait", "--for=create", name, "--timeout=60s")
        assert kubectl.get(*name.split("/"))["metadata"]["uid"] != before[name]
    kubectl("set", "image", "deployment/shop", "app=wakedock.local/nowhere:1")
    while image(kubectl, "shop") == "wakedock.local/nowhere:1":
        assert ask(wakedock.address, shop.host)[0] == 200
    shop.until("Asleep", after=awake["epoch"])


async def test_a_writer_that_applies_its_manifest_again_and_again(wakedock: Installation, kubectl: Kubectl, ledger: Ledger):
    """As GitOps does, every five seconds and without replicas in the manifest: it undoes nothing."""
    manifest = workload("shop", env={"LEDGER": ledger.url})
    del manifest["spec"]["replicas"]
    manifests = (manifest, wakeservice(kubectl.namespace, "shop", targetRef={"name": "shop"}))
    kubectl.apply(*manifests)
    shop = Seen(kubectl, "shop")
    asleep = first = await asyncio.to_thread(shop.ready)
    applied = 0

    async def write() -> None:
        nonlocal applied
        while True:
            await asyncio.to_thread(kubectl.apply, *manifests)
            applied += 1
            await asyncio.sleep(5)

    writing = asyncio.create_task(write())
    for _ in range(3):
        assert (await asyncio.to_thread(ask, wakedock.address, shop.host))[0] == 200
        awake = await asyncio.to_thread(shop.until, "Awake", after=asleep["epoch"])
        asleep = await asyncio.to_thread(shop.until, "Asleep", after=awake["epoch"])
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert applied >= 3
    # Each cycle: Awake, Draining, Asleep.
    assert (asleep["epoch"] - first["epoch"], asleep["undone"]) == (9, 0)


def test_two_definitions_with_one_host(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(app(kubectl.namespace, "first"))
    Seen(kubectl, "first").ready()
    kubectl.apply(app(kubectl.namespace, "second", hosts=[host(kubectl.namespace, "first")]))
    lost = Seen(kubectl, "second").watch(lambda status: reason(status, "Routed") == "HostTaken")
    message = next(each["message"] for each in lost["conditions"] if each["type"] == "Routed")
    assert f"{kubectl.namespace}/first" in message
    ask(wakedock.address, host(kubectl.namespace, "first"))
    assert Seen(kubectl, "first").until("Awake")["wokenBy"] == "Request"


def test_dependencies_wake_in_order_and_sleep_after(
    wakedock: Installation, kubectl: Kubectl, written_scales: Callable[[], list[ScaleWrite]]
):
    kubectl.apply(
        app(kubectl.namespace, "db", hosts=[], env={"START_DELAY": "1s"}), app(kubectl.namespace, "web", dependsOn=[{"name": "db"}])
    )
    db, web = Seen(kubectl, "db"), Seen(kubectl, "web")
    resting = {seen.name: seen.ready()["epoch"] for seen in (db, web)}
    assert ask(wakedock.address, web.host)[0] == 200
    awake = {seen.name: seen.until("Awake", after=resting[seen.name]) for seen in (db, web)}
    assert (awake["db"]["wokenBy"], awake["web"]["wokenBy"]) in {("Request", "Request"), ("Dependant", "Request")}
    assert listens(kubectl, "db") < listens(kubectl, "web")
    for seen in (web, db):
        seen.until("Asleep", after=awake[seen.name]["epoch"])
        kubectl("wait", "--for=jsonpath={.spec.replicas}=0", f"deployment/{seen.name}", "--timeout=30s")
    writes = written_scales()
    changed = [change for name in ("db", "web") for change in changes(writes, name=name, before=0)]
    in_order = [(write.name, write.replicas) for write in writes if any(write is change for change in changed)]
    assert in_order == [("db", 1), ("web", 1), ("web", 0), ("db", 0)]


async def test_a_forced_sleep_of_a_shared_dependency_under_load_takes_each_dependant_down_once(
    wakedock: Installation, kubectl: Kubectl, ledger: Ledger
):
    needing = {name: app(kubectl.namespace, name, dependsOn=[{"name": "db"}], env={"LEDGER": ledger.url}) for name in ("left", "right")}
    for each in needing.values():
        each["spec"]["idleTimeout"] = "1h"
    kubectl.apply(app(kubectl.namespace, "db", hosts=[]), *needing.values())
    db, dependants = Seen(kubectl, "db"), [Seen(kubectl, name) for name in needing]
    for seen in (db, *dependants):
        await asyncio.to_thread(seen.ready)
    loads = [Load(wakedock.address, seen.host, seed=1, workers=2, pause=0.05) for seen in dependants]
    async with asyncio.TaskGroup() as tasks:
        for load in loads:
            tasks.create_task(load.run())
        before = {seen.name: await asyncio.to_thread(seen.until, "Awake") for seen in (db, *dependants)}
        await asyncio.to_thread(put_to_sleep, kubectl, "db", 1)
        # Each of them: Draining, Asleep, Awake.
        after = {seen.name: await asyncio.to_thread(seen.until, "Awake", after=before[seen.name]["epoch"]) for seen in (db, *dependants)}
        for load in loads:
            load.stop()
    assert {name: status["epoch"] - before[name]["epoch"] for name, status in after.items()} == {"db": 3, "left": 3, "right": 3}
    served = ledger.served()
    for load in loads:
        assert load.lost == []
        assert [each for each in load.ids if len(served.get(each, ())) != 1] == []


def listens(kubectl: Kubectl, name: str) -> str:
    """When the app's pod began to listen, by its own log and to the microsecond."""
    (line,) = (
        line for line in kubectl("logs", f"--selector=wakedock.dev/service={name}", "--tail=-1").splitlines() if "listening on" in line
    )
    return line.partition(" listening")[0]


@pytest.mark.parametrize(
    "broken, cause",
    [
        ({"image": "wakedock.local/nowhere:1"}, "ImagePull"),
        ({"env": {"EXIT_AFTER": "100ms", "START_DELAY": "1h"}}, "Exited"),
        ({"resources": {"requests": {"memory": "900Gi"}}}, "Unschedulable"),
        ({"serviceAccountName": "nobody"}, "AdmissionDenied"),
    ],
    ids=["image", "crash", "unschedulable", "denied"],
)
def test_causes_are_told_within_seconds(wakedock: Installation, kubectl: Kubectl, broken: dict[str, Any], cause: str):
    made = app(kubectl.namespace, "broken", env=broken.pop("env", None), wake={"failFast": True, "timeout": "60s"})
    made["spec"]["app"] |= broken
    kubectl.apply(made)
    seen = Seen(kubectl, "broken")
    asleep = seen.ready()
    kubectl("annotate", "wakeservice/broken", "wakedock.dev/wake=1")
    failed = seen.watch(lambda status: status.get("state") == "Failed" and status["epoch"] > asleep["epoch"], timeout=30)
    assert failed["drain"]["cause"]["reason"] == cause
    if cause == "Exited":
        assert "EXIT_AFTER" in failed["drain"]["cause"]["message"]


def test_a_cause_that_may_heal_is_told_within_seconds_as_well(wakedock: Installation, kubectl: Kubectl):
    made = app(kubectl.namespace, "broken", wake={"timeout": "60s"})
    made["spec"]["app"]["resources"] = {"requests": {"cpu": "500"}}
    kubectl.apply(made)
    seen = Seen(kubectl, "broken")
    seen.ready()
    kubectl("annotate", "wakeservice/broken", "wakedock.dev/wake=1")
    waiting = seen.watch(lambda status: reason(status, "Ready") == "Failing", timeout=10)
    assert waiting["serving"] == "Asleep"


def test_requests_to_an_awake_app_that_only_crashes_get_the_cause(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(app(kubectl.namespace, "broken", env={"EXIT_AFTER": "1s", "START_DELAY": "1h"}, wake={"timeout": "60s"}))
    seen = Seen(kubectl, "broken")
    seen.ready()
    kubectl("annotate", "wakeservice/broken", "wakedock.dev/wake=1")
    seen.watch(lambda status: reason(status, "Ready") == "Failing", timeout=60)
    with pytest.raises(urllib.error.HTTPError) as answer:
        ask(wakedock.address, seen.host)
    with answer.value:
        assert answer.value.code == 503


def test_a_quota_that_is_used_up_is_named(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}})
    kubectl("wait", "--for=jsonpath={.status.hard.pods}=0", "resourcequota/none", "--timeout=30s")
    kubectl.apply(app(kubectl.namespace, "broken", wake={"failFast": True}))
    assert cause_of_a_failed_wake(kubectl, "broken") == "QuotaExceeded"


def test_a_target_that_was_created_paused_is_told(wakedock: Installation, kubectl: Kubectl):
    paused = workload("broken")
    paused["spec"]["paused"] = True
    kubectl.apply(paused)
    kubectl.apply(wakeservice(kubectl.namespace, "broken", targetRef={"name": "broken"}, wake={"failFast": True}))
    assert cause_of_a_failed_wake(kubectl, "broken") == "Paused"


def cause_of_a_failed_wake(kubectl: Kubectl, name: str) -> str:
    """Wake it by command, which nobody holds a request for."""
    seen = Seen(kubectl, name)
    asleep = seen.ready()
    kubectl("annotate", f"wakeservice/{name}", "wakedock.dev/wake=1")
    failed = seen.watch(lambda status: status.get("state") == "Failed" and status["epoch"] > asleep["epoch"], timeout=30)
    cause: str = failed["drain"]["cause"]["reason"]
    return cause
