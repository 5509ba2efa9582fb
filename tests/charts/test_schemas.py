"""Everything that is rendered, against the schemas of every Kubernetes that the chart says it runs on."""

import kubernetes_validate
import pytest
import yaml

from tests.charts.conftest import CHART, ROOT, Object

pytestmark = pytest.mark.charts

OLDEST = 30
NEWEST = int(kubernetes_validate.latest_version().split(".")[1])
FOREIGN = {"wakedock.dev", "gateway.networking.k8s.io", "monitoring.coreos.com"}
"""Groups that do not come with Kubernetes: only their owners know the schemas."""


def mistakes(objects: list[Object], version: str) -> list[str]:
    found = []
    for each in objects:
        if each["apiVersion"].partition("/")[0] not in FOREIGN:
            try:
                kubernetes_validate.validate(each, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                found.append(f"{each['kind']}/{each['metadata']['name']}: {error.message} at {list(error.path)}")
    return found


def test_the_chart_says_from_which_version_on():
    described = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert described["kubeVersion"] == f">=1.{OLDEST}.0-0"


@pytest.mark.parametrize("version", [f"1.{minor}" for minor in range(OLDEST, NEWEST + 1)])
def test_what_the_chart_makes_is_valid(variants: dict[str, list[Object]], version: str):
    for objects in variants.values():
        assert mistakes(objects, version) == []


@pytest.mark.parametrize("version", [f"1.{minor}" for minor in range(OLDEST, NEWEST + 1)])
@pytest.mark.parametrize("folder", ["manifests", "examples/kubernetes"])
def test_what_is_applied_as_it_stands_is_valid(folder: str, version: str):
    objects = [each for path in sorted((ROOT / folder).rglob("*.yaml")) for each in yaml.safe_load_all(path.read_text()) if each]
    assert len(objects) > 1
    assert mistakes([each for each in objects if "metadata" in each], version) == []


def test_a_mistake_is_found():
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "one"}, "spec": {"ports": [{"port": 80, "prot": 80}]}}
    assert "prot" in mistakes([wrong], f"1.{OLDEST}")[0]
