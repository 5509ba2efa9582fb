"""The name of the Service with the stable address is not one for callers."""

import pytest

from wakedock_operator.resource import API_VERSION, WakeService
from wakedock_operator.resource.backends import Backend, refusal


def test_no_service_has_the_name_of_the_stable_service_of_another():
    spec = {"port": 8080, "app": {"image": "web:1"}}
    service = WakeService.from_stored(
        {"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": "shop-wakedock"}, "spec": spec}
    )
    assert (refusal(service, Backend.KUBERNETES) or "").startswith("metadata.name: on Kubernetes")
    assert refusal(service, Backend.PROCESS) != refusal(service, Backend.KUBERNETES)


@pytest.mark.parametrize("name, refused", [("shop-wakedock", True), ("shop-callers", False)])
def test_the_name_of_the_stable_service_is_refused_for_callers(name: str, refused: bool):
    spec = {"port": 8080, "app": {"image": "web:1"}, "service": {"name": name}}
    service = WakeService.from_stored({"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": "shop"}, "spec": spec})
    found = refusal(service, Backend.KUBERNETES)
    assert (found or "").startswith("spec.service.name: ") is refused
