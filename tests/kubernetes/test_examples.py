"""The examples are accepted by a real API server as they are."""

from pathlib import Path

import pytest
import yaml

from hack.cluster.kubectl import Kubectl
from wakedock_operator.resource import WakeService
from wakedock_operator.resource.backends import Backend, refusal

pytestmark = pytest.mark.kubernetes

FOLDER = Path(__file__).resolve().parents[2] / "examples/kubernetes"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))
ELSEWHERE = {"gateway-api.yaml"}
"""Kinds that an API server knows only with somebody else's definitions."""


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.name not in ELSEWHERE], ids=lambda path: path.name)
def test_the_api_server_accepts_it(kubectl: Kubectl, example: Path):
    objects = [each for each in yaml.safe_load_all(example.read_text()) if each]
    for each in objects:
        each["metadata"].pop("namespace", None)
    kubectl("apply", "--dry-run=server", "--filename=-", stdin=yaml.safe_dump_all(objects))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_wakedock_serves_what_it_defines(example: Path):
    for each in yaml.safe_load_all(example.read_text()):
        assert each["metadata"]["name"]
        if each["kind"] == "WakeService":
            assert refusal(WakeService.from_document(each), Backend.KUBERNETES) is None


def test_every_example_is_in_the_list():
    listed = (FOLDER / "README.md").read_text()
    assert [each.name for each in EXAMPLES if f"({each.name})" not in listed] == []
