"""Kinds that can be scaled, and others who scale them."""

import pytest

from hack.cluster.kubectl import Kubectl
from tests.cluster import autoscaler, fleet
from tests.cluster.asking import ask
from tests.cluster.installation import Installation, Seen, reason, wakeservice
from tests.cluster.workloads import workload
from wakedock_operator.core.controller import UNNAMED

pytestmark = pytest.mark.cluster


def replicas(kubectl: Kubectl, what: str) -> int:
    found: int = kubectl.get(*what.split("/"))["spec"]["replicas"]
    return found


def sleeps_and_wakes_to_its_own_count(wakedock: Installation, kubectl: Kubectl, target: str, ref: dict[str, str], count: int) -> None:
    """Adopted awake it goes to sleep, wakes to `count`, sleeps again, and gets its count back when the WakeService goes."""
    kubectl.apply(wakeservice(kubectl.namespace, "shop", targetRef=ref))
    shop = Seen(kubectl, "shop")
    asleep = shop.ready()
    kubectl("wait", "--for=jsonpath={.spec.replicas}=0", target, "--timeout=30s")
    assert ask(wakedock.address, shop.host)[0] == 200
    assert replicas(kubectl, target) == count
    awake = shop.until("Awake", after=asleep["epoch"])
    shop.until("Asleep", after=awake["epoch"])
    kubectl("delete", "wakeservice/shop", "--timeout=30s")
    kubectl("wait", f"--for=jsonpath={{.spec.replicas}}={count}", target, "--timeout=30s")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet"])
def test_a_target_of_a_kind_of_kubernetes(wakedock: Installation, kubectl: Kubectl, kind: str):
    target = f"{kind.lower()}/shop"
    kubectl.apply(workload("shop", kind=kind, replicas=3))
    kubectl("wait", "--for=jsonpath={.status.readyReplicas}=3", target, "--timeout=90s")
    sleeps_and_wakes_to_its_own_count(wakedock, kubectl, target, {"kind": kind, "name": "shop"}, 3)


def test_a_target_of_a_kind_of_ones_own(wakedock: Installation, kubectl: Kubectl):
    with fleet.fleets(kubectl):
        kubectl.apply(fleet.fleet("shop", replicas=2))
        kubectl("wait", "--for=create", "replicaset/shop", "--timeout=30s")
        kubectl("wait", "--for=jsonpath={.status.readyReplicas}=2", "replicaset/shop", "--timeout=90s")
        ref = {"apiVersion": f"{fleet.GROUP}/v1", "kind": fleet.KIND, "name": "shop"}
        sleeps_and_wakes_to_its_own_count(wakedock, kubectl, f"{fleet.PLURAL}.{fleet.GROUP}/shop", ref, 2)


def test_what_somebody_else_scales_is_left_to_them(wakedock: Installation, kubectl: Kubectl):
    kubectl.apply(workload("shop", replicas=1))
    kubectl.apply(wakeservice(kubectl.namespace, "shop", targetRef={"name": "shop"}))
    shop = Seen(kubectl, "shop")
    asleep = shop.ready()
    kubectl("scale", "deployment/shop", "--replicas=2")
    awake = shop.until("Awake", after=asleep["epoch"])
    assert (awake["wokenBy"], awake["replicas"]) == ("Scaled", 2)
    kubectl("scale", "deployment/shop", "--replicas=0")
    asleep = shop.until("Asleep", after=awake["epoch"])
    assert asleep["drain"]["reason"] in {"ScaledToZero", "Idle"}
    assert ask(wakedock.address, shop.host)[0] == 200


def test_an_autoscaler_decides_while_the_app_is_awake_and_rests_while_it_sleeps(wakedock: Installation, kubectl: Kubectl):
    def waits_for(count: int) -> None:
        kubectl("wait", f"--for=jsonpath={{.spec.replicas}}={count}", "deployment/shop", "--timeout=90s")

    def wakes_to(count: int, *, after: int) -> int:
        assert ask(wakedock.address, shop.host)[0] == 200
        awake = shop.until("Awake", after=after)
        kubectl("annotate", "wakeservice/shop", "wakedock.dev/keep-awake-until=2100-01-01T00:00:00Z")
        assert (awake["wokenBy"], awake["replicas"], replicas(kubectl, "deployment/shop")) == ("Request", count, count)
        kubectl("wait", f"--for=jsonpath={{.status.readyReplicas}}={count}", "deployment/shop", "--timeout=60s")
        epoch: int = awake["epoch"]
        return epoch

    def sleeps(*, after: int) -> int:
        kubectl("annotate", "wakeservice/shop", "wakedock.dev/keep-awake-until-")
        asleep = shop.until("Asleep", after=after)
        assert (asleep["epoch"], asleep["undone"]) == (after + 2, 0)
        epoch: int = asleep["epoch"]
        return epoch

    kubectl.apply(workload("shop", replicas=1), autoscaler.autoscaler("shop", least=2, most=3))
    waits_for(2)
    kubectl.apply(wakeservice(kubectl.namespace, "shop", idleTimeout="5s", targetRef={"name": "shop"}))
    shop = Seen(kubectl, "shop")
    asleep: int = shop.ready()["epoch"]
    kubectl("wait", "--for=condition=ScalingActive=false", "horizontalpodautoscaler/shop", "--timeout=60s")
    assert (replicas(kubectl, "deployment/shop"), shop.status()["epoch"]) == (0, asleep)
    with autoscaler.metrics(kubectl):
        awake = wakes_to(2, after=asleep)
        autoscaler.uses(kubectl, "shop", autoscaler.LOADED)
        waits_for(3)
        kubectl("wait", "--for=jsonpath={.status.readyReplicas}=3", "deployment/shop", "--timeout=60s")
        asleep = sleeps(after=awake)
        awake = wakes_to(3, after=asleep)
        autoscaler.uses(kubectl, "shop", autoscaler.IDLE)
        waits_for(2)
        assert (shop.status()["serving"], shop.status()["epoch"]) == ("Awake", awake)
        asleep = sleeps(after=awake)
    wakes_to(2, after=asleep)


@pytest.mark.parametrize("named", [True, False], ids=["by applying", "by kubectl scale"])
def test_who_undoes_three_sleeps_in_a_row_is_named_and_left_alone(wakedock: Installation, kubectl: Kubectl, named: bool):
    kubectl.apply(workload("shop", replicas=1))
    kubectl.apply(wakeservice(kubectl.namespace, "shop", idleTimeout="1s", targetRef={"name": "shop"}))
    shop, epoch = Seen(kubectl, "shop"), -1
    for _ in range(3):
        epoch = shop.until("Asleep", after=epoch)["epoch"]
        # Before the stop, a count of one would change nothing and be nobody's write.
        kubectl("wait", "--for=jsonpath={.spec.replicas}=0", "deployment/shop", "--timeout=30s")
        if named:
            kubectl.apply(workload("shop", replicas=1))
        else:
            kubectl("scale", "deployment/shop", "--replicas=1")
        epoch = shop.until("Awake", after=epoch)["epoch"]
    blocked = shop.watch(lambda status: reason(status, "SleepBlocked") == "ScaledBy")
    assert (blocked["serving"], blocked["undone"], blocked["undoneBy"]) == ("Awake", 3, "kubectl" if named else UNNAMED)
