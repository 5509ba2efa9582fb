"""Why an app does not come up, told from its pods and controllers, and which causes are waited out until `wake.timeout`."""

from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes.workloads.failures import denial, failure_of
from wakedock_operator.adapters.kubernetes.workloads.seen import Seen
from wakedock_operator.adapters.kubernetes.workloads.targets import Target
from wakedock_operator.core.status import Failure, FailureReason

Object = dict[str, Any]
DEPLOYMENT, STATEFUL_SET = Target("team", "apps/v1", "Deployment", "shop"), Target("team", "apps/v1", "StatefulSet", "shop")
QUOTA = 'pods "shop-1" is forbidden: exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5'
WEBHOOK = 'admission webhook "policy.example.org" denied the request: images need a digest'
SECURITY = 'pods "shop-1" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
ODD = "Internal error occurred: failed calling webhook"


def condition(kind: str, status: str, message: str = "") -> Object:
    return {"type": kind, "status": status, "message": message}


def pod(*containers: Object, init: tuple[Object, ...] = (), conditions: tuple[Object, ...] = (), **metadata: Any) -> Object:
    owner = {"uid": "rs-new", "controller": True}
    status = {"containerStatuses": [*containers], "initContainerStatuses": [*init], "conditions": [*conditions]}
    return {"metadata": {"name": "shop-1", "uid": "pod", "ownerReferences": [owner], **metadata}, "status": status}


def container(*, restarts: int = 0, last: Object | None = None, **state: Object) -> Object:
    return {"name": "app", "restartCount": restarts, "state": state, "lastState": {} if last is None else {"terminated": last}}


def waits(reason: str, message: str = "in words", **more: Any) -> Object:
    return container(waiting={"reason": reason, "message": message}, **more)


def ended(code: int = 1, reason: str = "Error", message: str = "") -> Object:
    return {"exitCode": code, "reason": reason, "message": message}


def seen(*pods: Object, desired: int = 1, target: Target = DEPLOYMENT, replica_set: Object | None = None, **spec: Any) -> Seen:
    workload = {"metadata": {"uid": "workload", "generation": 3}, "spec": spec, "status": {}}
    newest = {"metadata": {"uid": "rs-new"}} | (replica_set or {})
    return Seen(target, workload, desired, (newest, {"metadata": {"uid": "rs-old"}}) if target is DEPLOYMENT else (), pods)


def crashed(times: int, **last: Any) -> Object:
    return waits("CrashLoopBackOff", restarts=times - 1, last=ended(**last))


def refused(message: str) -> Object:
    return {"status": {"conditions": [condition("ReplicaFailure", "True", message)]}}


NO_NODE = condition("PodScheduled", "False", "0/3 nodes are available: 3 Insufficient memory")
WAITED_OUT, AT_ONCE = True, False
R = FailureReason
CASES: list[tuple[str, Seen, FailureReason, bool, str]] = [
    ("an image that is being tried", seen(pod(waits("ErrImagePull", "not found"))), R.IMAGE_PULL, WAITED_OUT, "(ErrImagePull): not found"),
    ("an image that is tried again later", seen(pod(waits("ImagePullBackOff"))), R.IMAGE_PULL, WAITED_OUT, "cannot be pulled"),
    ("a registry that is away", seen(pod(waits("RegistryUnavailable"))), R.IMAGE_PULL, WAITED_OUT, "RegistryUnavailable"),
    ("an image that may not be pulled", seen(pod(waits("ErrImageNeverPull"))), R.IMAGE_PULL, AT_ONCE, "(ErrImageNeverPull)"),
    ("an image that is none", seen(pod(waits("InvalidImageName"))), R.IMAGE_PULL, AT_ONCE, "(InvalidImageName)"),
    (
        "a missing ConfigMap",
        seen(pod(waits("CreateContainerConfigError", 'configmap "a" not found'))),
        R.MISCONFIGURED,
        AT_ONCE,
        '"a" not found',
    ),
    (
        "a missing program, by the runtime",
        seen(pod(waits("RunContainerError", 'exec: "shop": executable file not found in $PATH'))),
        R.COMMAND_NOT_FOUND,
        AT_ONCE,
        "executable file not found",
    ),
    (
        "a missing program, by the end of the container",
        seen(pod(container(terminated=ended(128, "StartError", "exec: no such file or directory")))),
        R.COMMAND_NOT_FOUND,
        AT_ONCE,
        "no such file",
    ),
    ("a container that cannot be made", seen(pod(waits("CreateContainerError", "no space"))), R.BACKEND, AT_ONCE, "cannot be made"),
    ("a first end", seen(pod(container(terminated=ended(3)))), R.EXITED, WAITED_OUT, "container app exited with code 3"),
    ("an end without an error", seen(pod(container(terminated=ended(0, "Completed")))), R.EXITED, WAITED_OUT, "exited with code 0"),
    ("too little memory", seen(pod(container(terminated=ended(137, "OOMKilled")))), R.EXITED, WAITED_OUT, "code 137 (OOMKilled)"),
    ("what it said at its end", seen(pod(container(terminated=ended(message="no database")))), R.EXITED, WAITED_OUT, ": no database"),
    ("a second crash", seen(pod(crashed(2))), R.CRASH_LOOP, WAITED_OUT, "2 times so far"),
    ("a third crash", seen(pod(crashed(3))), R.CRASH_LOOP, WAITED_OUT, "3 times so far"),
    ("a fourth crash", seen(pod(crashed(4))), R.CRASH_LOOP, AT_ONCE, "4 times so far"),
    (
        "a crash after which it runs once more, however often it did",
        seen(pod(container(restarts=9, last=ended(), running={}))),
        R.CRASH_LOOP,
        WAITED_OUT,
        "9 times so far",
    ),
    ("a failed init container", seen(pod(waits("PodInitializing"), init=(crashed(4),))), R.CRASH_LOOP, AT_ONCE, "4 times so far"),
    ("no node", seen(pod(conditions=(NO_NODE,))), R.UNSCHEDULABLE, WAITED_OUT, "no node takes pod shop-1: 0/3 nodes"),
    (
        "a quota, which its own pod from before may still use up",
        seen(replica_set=refused(QUOTA)),
        R.QUOTA,
        WAITED_OUT,
        "no pod can be created: pods",
    ),
    ("an admission webhook", seen(replica_set=refused(WEBHOOK)), R.DENIED, AT_ONCE, "images need a digest"),
    ("pod security", seen(replica_set=refused(SECURITY)), R.DENIED, AT_ONCE, "runAsNonRoot"),
    ("another refusal of pods", seen(replica_set=refused(ODD)), R.BACKEND, AT_ONCE, "failed calling webhook"),
    (
        "a Deployment that was created paused",
        Seen(DEPLOYMENT, {"metadata": {"uid": "w"}, "spec": {"paused": True}}, 1),
        R.PAUSED,
        AT_ONCE,
        "kubectl rollout resume",
    ),
    (
        "a lasting cause beside one that may heal",
        seen(pod(waits("ErrImagePull")), pod(waits("InvalidImageName"), uid="second")),
        R.IMAGE_PULL,
        AT_ONCE,
        "InvalidImageName",
    ),
    (
        "the pod of a StatefulSet",
        Seen(STATEFUL_SET, {"metadata": {"uid": "w"}}, 1, pods=(pod(waits("ImagePullBackOff")),)),
        R.IMAGE_PULL,
        WAITED_OUT,
        "cannot be pulled",
    ),
]
IDS = [case[0] for case in CASES]


@pytest.mark.parametrize("found, reason, healable, said", [case[1:] for case in CASES], ids=IDS)
def test_what_keeps_an_app_from_coming_up_is(found: Seen, reason: FailureReason, healable: bool, said: str):
    failure = failure_of(found)
    assert failure is not None
    assert (failure.reason, failure.healable) == (reason, healable)
    assert said in failure.message


@pytest.mark.parametrize("found, healable", [(case[1], case[3]) for case in CASES], ids=IDS)
def test_without_fail_fast_only_what_may_heal_is_waited_out_and_with_it_nothing(found: Seen, healable: bool):
    failure = failure_of(found)
    assert failure is not None
    assert failure.ends_wait(fail_fast=False) is not healable
    assert failure.ends_wait(fail_fast=True)


@pytest.mark.parametrize(
    "found",
    [
        seen(),
        seen(pod(waits("ContainerCreating"))),
        seen(pod(waits("PodInitializing"), init=(container(terminated=ended(0, "Completed")),))),
        seen(pod(container(running={}))),
        seen(pod(container(running={}), conditions=(condition("PodScheduled", "True"),))),
        seen(pod(waits("ErrImageNeverPull")), desired=0),
        seen(pod(waits("ErrImageNeverPull")), pod(container(running={}), uid="second", conditions=(condition("Ready", "True"),))),
        seen(pod(waits("ErrImageNeverPull"), deletionTimestamp="2026-03-01T12:00:00Z")),
        seen(pod(waits("ErrImageNeverPull"), ownerReferences=[{"uid": "rs-old", "controller": True}])),
        seen(replica_set={"status": {"conditions": [condition("ReplicaFailure", "False", QUOTA)]}}),
        seen(paused=True),
    ],
    ids=[
        "there is no pod yet",
        "a container is being made",
        "an init container has done its work",
        "a container runs",
        "a pod has a node",
        "nothing is asked for",
        "another pod is ready",
        "the pod that fails is on its way out",
        "the pod that fails is of an older version",
        "pods were refused, and are no more",
        "a rollout was paused later: that scales all the same",
    ],
)
def test_nothing_has_failed_while(found: Seen):
    assert failure_of(found) is None


def test_a_pod_that_answers_a_probe_has_not_failed_whatever_kubernetes_says():
    found = seen(pod(container(restarts=1, last=ended(), running={})))
    assert failure_of(found) is not None
    assert failure_of(found, answered={"pod"}) is None


def test_each_crash_is_a_failure_of_its_own_and_the_same_one_keeps_its_name():
    def name(found: Seen) -> str:
        failure = failure_of(found)
        assert failure is not None
        return failure.id

    first, second = seen(pod(crashed(2))), seen(pod(crashed(3)))
    again = seen(pod(container(restarts=2, last=ended(), running={})))
    assert len({name(first), name(second)}) == 2
    assert name(first) == name(seen(pod(crashed(2)))) == name(again)


@pytest.mark.parametrize(
    "message, reason",
    [(QUOTA, R.QUOTA), (WEBHOOK, R.DENIED), (SECURITY, R.DENIED), (ODD, R.BACKEND)],
    ids=["quota", "webhook", "pod security", "something else"],
)
def test_a_refusal_of_the_api_server_has_its_class(message: str, reason: FailureReason):
    assert denial(message) is reason


def test_what_answers_wrongly_is_waited_out_even_with_fail_fast():
    """It may be warming up."""
    assert not Failure("i", R.UNHEALTHY, "HTTP 503", healable=True).ends_wait(fail_fast=True)
