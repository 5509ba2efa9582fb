"""The API server that tests run against is a real one, and each test has its own corner of it."""

from pathlib import Path

import pytest
from kubernetes.aio.client import ApiClient, CoreV1Api

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import ClusterError
from tests.audit import changes

pytestmark = pytest.mark.kubernetes

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "app"},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "app"}},
        "template": {"metadata": {"labels": {"app": "app"}}, "spec": {"containers": [{"name": "app", "image": "example.com/app:1"}]}},
    },
}


async def test_the_official_client_finds_the_fresh_namespace_empty(client: ApiClient, namespace: str):
    assert (await CoreV1Api(client).list_namespaced_config_map(namespace)).items == []


def test_a_wakeservice_is_a_known_resource(kubectl: Kubectl):
    assert kubectl.get("wks")["items"] == []


def test_a_service_account_without_a_role_may_do_nothing(kubectl: Kubectl, namespace: str):
    stranger = f"--as=system:serviceaccount:{namespace}:stranger"
    with pytest.raises(ClusterError, match="Forbidden"):
        kubectl("get", "configmaps", stranger)


def test_the_audit_log_tells_changes_of_a_replica_count_from_other_writes(kubectl: Kubectl, written_scales):
    kubectl.apply(DEPLOYMENT)
    for replicas in (1, 1, 0):
        kubectl("patch", "deployment/app", "--subresource=scale", "--type=merge", f'--patch={{"spec":{{"replicas":{replicas}}}}}')
    with pytest.raises(ClusterError, match="modified"):
        kubectl(
            "patch",
            "deployment/app",
            "--subresource=scale",
            "--type=merge",
            '--patch={"metadata":{"resourceVersion":"1"},"spec":{"replicas":3}}',
        )
    writes = written_scales()
    assert [(write.status, write.replicas) for write in writes] == [(200, 1), (200, 1), (200, 0), (409, None)]
    assert [write.replicas for write in changes(writes, name="app", before=0)] == [1, 0]


def test_all_tests_of_a_run_share_one_server(api: Path, worker_id: str, tmp_path_factory: pytest.TempPathFactory):
    base = tmp_path_factory.getbasetemp()
    assert api.is_relative_to(base if worker_id == "master" else base.parent)
