"""Causes that no pod shows: a target that is missing, a scale that is refused, and the last line of what crashed."""

import asyncio
from typing import Any

import pytest

from wakedock_operator.adapters.kubernetes.errors import ApiError, Forbidden, Invalid, NotFound
from wakedock_operator.adapters.kubernetes.workloads.waking import REFUSED_FOR, KubernetesWaking
from wakedock_operator.adapters.kubernetes.workloads.workloads import KubernetesWorkloads
from wakedock_operator.core.status import Failure, FailureReason
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import Key, WakeService

pytestmark = pytest.mark.looptime(start=1000, noop_cycles=0)

Object = dict[str, Any]
SHOP = Key("team", "shop")
TARGET = {"hosts": ["shop.example.org"], "targetRef": {"name": "shop"}}
APP = {"hosts": ["shop.example.org"], "app": {"image": "shop:1"}}
CRASHED = {
    "name": "app",
    "restartCount": 4,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 2, "reason": "Error"}},
}


class Server:
    """Perhaps a Deployment with one pod, which it may refuse to scale."""

    def __init__(self, *containers: Object, replicas: int = 1, there: bool = True) -> None:
        self.replicas, self.there = replicas, there
        self.refusal: ApiError | None = None
        self.said: str | None = "panic: no database"
        owner = {"ownerReferences": [{"uid": "rs", "controller": True}]}
        status = {"containerStatuses": [*containers], "phase": "Running"}
        spec = {"containers": [{"name": "app"}]}
        self.pod = {"metadata": {"name": "shop-1", "namespace": "team", "uid": "pod", **owner}, "spec": spec, "status": status}

    async def get(self, path: str) -> Object:
        if not self.there or not path.endswith(("/deployments/shop", "/deployments/shop/scale")):
            raise NotFound(path)
        spec = {"replicas": self.replicas, "selector": {"matchLabels": {"app": "shop"}}}
        return {"apiVersion": "apps/v1", "metadata": {"uid": "d", "resourceVersion": "1"}, "spec": spec}

    async def read_all(self, path: str, **_: str) -> list[Object]:
        if path.endswith("/replicasets"):
            return [{"metadata": {"uid": "rs", "ownerReferences": [{"uid": "d", "controller": True}]}}]
        return [self.pod] if path.endswith("/pods") and self.replicas else []

    async def patch(self, path: str, body: Any, **_: Any) -> Object:
        if self.refusal is not None and path.endswith("/scale"):
            raise self.refusal
        return {}

    async def create(self, path: str, body: Object) -> Object:
        return body

    async def text(self, path: str, **_: Any) -> str:
        if self.said is None:
            raise NotFound(path)
        return f"starting\n{self.said}\n"


def waking(server: Server, spec: Object = TARGET, kind: type[KubernetesWaking] = KubernetesWaking) -> KubernetesWaking:
    service = WakeService.from_document({"metadata": {"name": "shop", "namespace": "team"}, "spec": spec})
    return kind(server, {SHOP: Entry(service, "uid", 1, 1, "test")}.get)  # type: ignore[arg-type] # all that it asks of it


async def failure(of: KubernetesWaking) -> Failure:
    found = (await of.observe(SHOP)).failure
    of.close()
    assert found is not None
    return found


async def test_a_target_that_is_missing_ends_the_wait_at_once_and_is_named():
    found = await failure(waking(Server(there=False)))
    assert (found.reason, found.healable) == (FailureReason.TARGET_MISSING, False)
    assert "Deployment team/shop does not exist" in found.message


async def test_an_app_whose_deployment_is_missing_is_waited_for_as_it_is_made_again():
    found = await failure(waking(Server(there=False), APP))
    assert (found.reason, found.healable) == (FailureReason.TARGET_MISSING, True)
    assert "the operator makes it again" in found.message


async def test_each_start_of_a_missing_target_fails_anew():
    one = waking(Server(there=False))
    first = (await one.observe(SHOP)).failure
    await one.start(SHOP)
    assert first is not None
    assert (await failure(one)).id != first.id


async def test_the_operator_tells_the_last_line_of_what_crashes_again_and_again():
    found = await failure(waking(Server(CRASHED), kind=KubernetesWorkloads))
    assert (found.reason, found.healable) == (FailureReason.CRASH_LOOP, False)
    assert found.message.endswith("exited with code 2, 5 times so far; its last line: panic: no database")


async def test_where_the_output_cannot_be_read_the_crash_is_told_all_the_same():
    server = Server(CRASHED)
    server.said = None
    found = await failure(waking(server, kind=KubernetesWorkloads))
    assert found.message.endswith("5 times so far")


async def test_a_gateway_may_not_read_output_and_tells_the_crash_without_it():
    found = await failure(waking(Server(CRASHED)))
    assert found.reason is FailureReason.CRASH_LOOP
    assert "last line" not in found.message


@pytest.mark.parametrize(
    "refusal, reason",
    [
        (Forbidden('admission webhook "scale.example.org" denied the request: not at night'), FailureReason.DENIED),
        (Forbidden('deployments.apps "shop" is forbidden: exceeded quota: small'), FailureReason.QUOTA),
        (Invalid("spec.replicas: too many"), FailureReason.BACKEND),
    ],
    ids=["an admission webhook", "a quota", "something else"],
)
async def test_a_scale_that_is_refused_may_heal_for_a_moment_and_then_counts(refusal: ApiError, reason: FailureReason):
    """An API server that has just started refuses what roles allow."""
    server = Server(replicas=0)
    server.refusal = refusal
    one = waking(server)
    began = asyncio.get_running_loop().time()
    causes: list[Failure] = []
    while not causes or causes[-1].healable:
        await one.start(SHOP)
        cause = (await one.observe(SHOP)).failure
        assert cause is not None
        causes.append(cause)
    one.close()
    assert asyncio.get_running_loop().time() - began == pytest.approx(REFUSED_FOR)
    assert {cause.reason for cause in causes} == {reason}
    assert len(causes) > 1
    assert str(refusal) in causes[-1].message


async def test_a_scale_that_is_refused_no_more_has_no_cause():
    server = Server(replicas=0)
    server.refusal = Forbidden("the roles were not read yet")
    one = waking(server)
    await one.start(SHOP)
    server.refusal = None
    await one.start(SHOP)
    server.replicas = 1
    assert (await one.observe(SHOP)).failure is None
    one.close()
