"""Whatever pods declare about their readiness, the first request is answered by one that is ready."""

from typing import Any

import pytest

from hack.cluster.kubectl import Kubectl
from tests.cluster.asking import ask
from tests.cluster.installation import Installation, Seen, wakeservice
from tests.cluster.workloads import PORT, workload

pytestmark = pytest.mark.cluster

HTTP = {"httpGet": {"path": "/ready", "port": PORT}}


@pytest.mark.parametrize(
    "probe, wake",
    [
        pytest.param(HTTP, {}, id="http"),
        pytest.param(HTTP, {"via": "Service"}, id="http, via the Service"),
        pytest.param({"tcpSocket": {"port": PORT}}, {}, id="tcp"),
        pytest.param({"exec": {"command": ["/testapp", "reach", f"127.0.0.1:{PORT}"]}}, {}, id="command"),
        pytest.param({"grpc": {"port": PORT}}, {}, id="grpc"),
        pytest.param(None, {}, id="nothing"),
    ],
)
def test_a_first_request_to_a_pod_that_declares(
    wakedock: Installation, kubectl: Kubectl, probe: dict[str, Any] | None, wake: dict[str, Any]
):
    target = workload("shop", env={"START_DELAY": "1500ms"})
    container = target["spec"]["template"]["spec"]["containers"][0]
    del container["readinessProbe"]
    if probe is not None:
        container["readinessProbe"] = {**probe, "periodSeconds": 1}
    kubectl.apply(target, wakeservice(kubectl.namespace, "shop", targetRef={"name": "shop"}, wake=wake))
    shop = Seen(kubectl, "shop")
    asleep = shop.ready()
    assert ask(wakedock.address, shop.host)[0] == 200
    awake = shop.until("Awake", after=asleep["epoch"])
    assert shop.until("Asleep", after=awake["epoch"])["epoch"] == awake["epoch"] + 2
