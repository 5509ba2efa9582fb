"""Which causes may heal, so that requests go on waiting."""

import pytest

from wakedock_operator.adapters.kubernetes.workloads.failures import failure_of
from wakedock_operator.adapters.kubernetes.workloads.seen import Seen
from wakedock_operator.adapters.kubernetes.workloads.targets import Target
from wakedock_operator.core.status import FailureReason

TARGET = Target("default", "apps/v1", "Deployment", "shop")


@pytest.mark.parametrize(
    "said, expected",
    [
        pytest.param(
            'pods "shop-5b" is forbidden: exceeded quota: two, requested: pods=1, used: pods=2, limited: pods=2',
            (FailureReason.QUOTA, True),
            id="a quota, which the pod from before the sleep may still use up",
        ),
        pytest.param(
            'pods "shop-5b" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            (FailureReason.DENIED, False),
            id="a rule",
        ),
    ],
)
def test_pods_that_cannot_be_created(said: str, expected: tuple[FailureReason, bool]):
    refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": said}
    workload = {"metadata": {"uid": "1", "generation": 2}, "spec": {"replicas": 1}, "status": {"conditions": [refused]}}
    failure = failure_of(Seen(TARGET, workload, 1))
    assert failure is not None
    assert (failure.reason, failure.healable) == expected
    assert said in failure.message
