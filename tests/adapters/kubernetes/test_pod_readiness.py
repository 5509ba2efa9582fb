"""Which probe of a pod is asked by WakeDock itself, and when only Kubernetes knows."""

from datetime import timedelta
from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes.workloads import asking
from wakedock_operator.adapters.kubernetes.workloads.pod_readiness import Declared, HttpGet, OnlyKubernetesKnows, Undeclared, declared
from wakedock_operator.resource import WakeService

Object = dict[str, Any]
EXEC, TCP, GRPC = {"exec": {"command": ["true"]}}, {"tcpSocket": {"port": 8080}}, {"grpc": {"port": 9000}}
ONLY_KUBERNETES = OnlyKubernetesKnows()


def get(port: object = 8080, **more: Any) -> Object:
    return {"httpGet": {"port": port, **more}}


def container(**probes: Any) -> Object:
    return {"name": "app", "ports": [{"name": "web", "containerPort": 8080}, {"name": "health", "containerPort": 8081}], **probes}


def pod(*containers: Object, init: tuple[Object, ...] = (), **spec: Any) -> Object:
    return {"metadata": {"name": "shop-1"}, "spec": {"containers": [*containers], "initContainers": [*init], **spec}}


SIDECAR, SETUP = {"restartPolicy": "Always"}, {"restartPolicy": "OnFailure"}
CASES: list[tuple[str, Object, Declared]] = [
    ("nothing is declared", pod(container()), Undeclared()),
    ("a readiness probe", pod(container(readinessProbe=get())), (HttpGet(8080),)),
    ("a start-up probe, where there is no other", pod(container(startupProbe=get(path="/up"))), (HttpGet(8080, "/up"),)),
    (
        "the readiness probe, where there is a start-up probe too",
        pod(container(readinessProbe=get(path="/ready"), startupProbe=get(path="/up"))),
        (HttpGet(8080, "/ready"),),
    ),
    ("a liveness probe says nothing about readiness", pod(container(livenessProbe=get())), Undeclared()),
    ("a port by its name", pod(container(readinessProbe=get("health"))), (HttpGet(8081),)),
    ("a port by a number in quotes", pod(container(readinessProbe=get("8082"))), (HttpGet(8082),)),
    ("a port by a name that nobody has", pod(container(readinessProbe=get("admin"))), ONLY_KUBERNETES),
    (
        "everything that it says",
        pod(
            container(
                readinessProbe={
                    **get(
                        path="/ready?deep=1", scheme="HTTPS", host="10.1.2.3", httpHeaders=[{"name": "Host", "value": "a"}, {"name": "X"}]
                    ),
                    "timeoutSeconds": 3,
                }
            )
        ),
        (HttpGet(8080, "/ready?deep=1", "https", "10.1.2.3", (("Host", "a"), ("X", "")), timedelta(seconds=3)),),
    ),
    ("a command", pod(container(readinessProbe=EXEC)), ONLY_KUBERNETES),
    ("a connection", pod(container(readinessProbe=TCP)), ONLY_KUBERNETES),
    ("gRPC", pod(container(readinessProbe=GRPC)), ONLY_KUBERNETES),
    ("a command as start-up probe", pod(container(startupProbe=EXEC)), ONLY_KUBERNETES),
    (
        "a readiness gate, whatever probes there are",
        pod(container(readinessProbe=get()), readinessGates=[{"conditionType": "lb"}]),
        ONLY_KUBERNETES,
    ),
    ("a readiness gate without a probe", pod(container(), readinessGates=[{"conditionType": "lb"}]), ONLY_KUBERNETES),
    (
        "the probes of all containers",
        pod(container(readinessProbe=get()), container(), container(readinessProbe=get(9090))),
        (HttpGet(8080), HttpGet(9090)),
    ),
    ("one container that only Kubernetes can ask", pod(container(readinessProbe=get()), container(readinessProbe=EXEC)), ONLY_KUBERNETES),
    (
        "a sidecar, but not what only sets up",
        pod(container(), init=(container(readinessProbe=get(15021)) | SIDECAR, container(startupProbe=EXEC) | SETUP)),
        (HttpGet(15021),),
    ),
]


@pytest.mark.parametrize("said, expected", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_pod_declares(said: Object, expected: Declared):
    assert declared(said) == expected


def service(**wake: Any) -> WakeService:
    spec = {"hosts": ["shop.example.org"], "port": 8080, "targetRef": {"name": "shop"}, "wake": wake}
    return WakeService.from_document({"metadata": {"name": "shop"}, "spec": spec})


@pytest.mark.parametrize(
    "wake, said, port, waits",
    [
        ({}, pod(container(readinessProbe=EXEC)), 8080, True),
        ({}, pod(container(), readinessGates=[{"conditionType": "lb"}]), 8080, True),
        ({}, pod(container(readinessProbe=get())), 8080, False),
        ({}, pod(container()), 8080, False),
        ({"readiness": {"http": {"path": "/up"}}}, pod(container(readinessProbe=EXEC)), 8080, False),
        ({"readiness": {"tcp": {}}}, pod(container(readinessProbe=GRPC)), 8080, False),
        ({}, pod(container()), None, True),
    ],
    ids=[
        "a command",
        "a readiness gate",
        "an HTTP probe",
        "nothing",
        "a command, but the WakeService has a way of its own",
        "gRPC, but the WakeService has a way of its own",
        "nothing, of an app without a port",
    ],
)
def test_the_condition_ready_is_waited_for_where_the_pod_declares(wake: dict[str, Any], said: Object, port: int | None, waits: bool):
    assert asking.kubernetes_decides(service(**wake), said, port) is waits
