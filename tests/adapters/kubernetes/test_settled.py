"""When the controllers have acted on what is asked of a Deployment, and when a new version is being rolled out."""

from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes.workloads.seen import Seen
from wakedock_operator.adapters.kubernetes.workloads.settled import rolling, settled
from wakedock_operator.adapters.kubernetes.workloads.targets import Target

Object = dict[str, Any]
TARGET = Target("default", "apps/v1", "Deployment", "shop")


def observed(replicas: int, *, behind: int = 0) -> Object:
    """A Deployment or ReplicaSet, with so many generations not observed yet."""
    return {
        "apiVersion": "apps/v1",
        "metadata": {"generation": 5},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": 5 - behind},
    }


def pod(*, is_ready: bool) -> Object:
    return {"metadata": {"name": "pod"}, "status": {"conditions": [{"type": "Ready", "status": str(is_ready)}]}}


SERVES = (pod(is_ready=True), pod(is_ready=False))


@pytest.mark.parametrize(
    "seen, expected",
    [
        # ReplicaSets: the newest first.
        pytest.param(Seen(TARGET, observed(1), 1, (observed(1), observed(0)), SERVES), (True, False), id="nothing is left to do"),
        pytest.param(Seen(TARGET, observed(1), 1, (observed(1), observed(1)), SERVES), (True, True), id="a rollout with one more"),
        pytest.param(Seen(TARGET, observed(3), 3, (observed(1), observed(1)), SERVES), (False, True), id="a rollout that lacks one"),
        pytest.param(Seen(TARGET, observed(1), 1, (observed(1), observed(1)), SERVES[1:]), (True, False), id="nothing is ready"),
        pytest.param(Seen(TARGET, observed(1), 1, (observed(2), observed(0)), SERVES), (False, False), id="still to be scaled down"),
        pytest.param(Seen(TARGET, observed(1, behind=1), 1, (observed(1), observed(0)), SERVES), (False, True), id="not seen yet"),
        pytest.param(
            Seen(TARGET, observed(1), 1, (observed(1), observed(1, behind=1)), SERVES), (False, True), id="not seen by a ReplicaSet yet"
        ),
        pytest.param(Seen(TARGET, observed(0), 0, (observed(0), observed(0)), ()), (True, False), id="at zero"),
    ],
)
def test_what_is_settled_and_what_is_rolled_out(seen: Seen, expected: tuple[bool, bool]):
    assert (settled(seen), rolling(seen)) == expected
