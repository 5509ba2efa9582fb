"""The cluster that tests run on does what they rely on."""

import json

import pytest

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import ClusterError
from tests.audit import changes
from tests.cluster.daemons import Daemons
from tests.cluster.workloads import Ledger, service, workload

pytestmark = pytest.mark.cluster


def scale(kubectl: Kubectl, replicas: int) -> None:
    kubectl("scale", "deployment/app", f"--replicas={replicas}")
    kubectl("wait", f"--for=jsonpath={{.status.replicas}}={replicas}" if replicas else "--for=delete", *pods(replicas), "--timeout=60s")


def pods(replicas: int) -> tuple[str, ...]:
    return ("deployment/app",) if replicas else ("pod", "--selector=app=app")


def test_pods_reach_a_service_by_its_name_and_the_ledger_knows_who_served(kubectl: Kubectl, ledger: Ledger):
    kubectl.apply(workload("app", replicas=2, env={"LEDGER": ledger.url}), service("app"))
    kubectl("rollout", "status", "deployment/app", "--timeout=60s")
    ledger.reach("app")
    kubectl("exec", "deployment/ledger", "--", "/testapp", "get", "http://app/?id=first")
    answers = json.loads(kubectl("exec", "deployment/ledger", "--", "/testapp", "burst", "http://app/", "50"))
    served = ledger.served()
    assert answers == {"200": 50}
    assert len(served) == 51
    assert len(served["first"]) == 1


def test_the_audit_log_counts_what_changed_a_replica_count(kubectl: Kubectl, written_scales):
    kubectl.apply(workload("app"))
    for replicas in (1, 1, 0):
        scale(kubectl, replicas)
    assert [write.replicas for write in changes(written_scales(), name="app", before=0)] == [1, 0]


@pytest.mark.daemons
def test_an_api_server_that_ended_answers_again_after_its_start(kubectl: Kubectl, daemons: Daemons):
    daemons.kill("kube-apiserver")
    with pytest.raises(ClusterError):
        kubectl.get("pods")
    daemons.restore()
    assert kubectl.get("pods")["items"] == []


@pytest.mark.daemons
def test_nothing_is_scheduled_while_the_scheduler_is_frozen(kubectl: Kubectl, daemons: Daemons):
    daemons.freeze("kube-scheduler")
    kubectl.apply(workload("app", replicas=1))
    kubectl("wait", "--for=create", "pod", "--selector=app=app", "--timeout=30s")
    with pytest.raises(ClusterError, match="timed out"):
        kubectl("wait", "--for=condition=PodScheduled", "pod", "--selector=app=app", "--timeout=2s")
    daemons.thaw("kube-scheduler")
    kubectl("rollout", "status", "deployment/app", "--timeout=60s")


@pytest.mark.daemons
def test_a_running_app_outlives_kubelet_and_containerd(kubectl: Kubectl, ledger: Ledger, daemons: Daemons):
    pod = kubectl.get("pods", "--selector=app=ledger")["items"][0]
    for daemon in ("kubelet", "containerd"):
        daemons.stop(daemon)
    assert ledger.served() == {}
    daemons.restore()
    (after,) = kubectl.get("pods", "--selector=app=ledger")["items"]
    assert after["metadata"]["uid"] == pod["metadata"]["uid"]
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0
