"""The commands of a person, against a cluster: the same as on one machine."""

import json
import subprocess
import sys

import pytest

from hack.cluster.kubectl import Kubectl
from tests.cluster.installation import Installation, Seen, app

pytestmark = pytest.mark.cluster


class Terminal:
    """Somebody at a terminal whose kubeconfig is that of the cluster."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def __call__(self, *arguments: str, fails: int = 0) -> str:
        where = ("--kubeconfig", str(self._kubectl.kubeconfig), "-n", self._kubectl.namespace)
        command = [sys.executable, "-m", "wakedock_operator", *arguments, *where]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == fails, ended.stderr
        return ended.stdout if not fails else ended.stderr


def test_a_person_sees_and_steers_an_app(wakedock: Installation, kubectl: Kubectl):
    wakedock_ = Terminal(kubectl)
    kubectl.apply(app(kubectl.namespace, "hello", idleTimeout="1h"))
    Seen(kubectl, "hello").ready()
    name = f"{kubectl.namespace}/hello"
    assert name in wakedock_("ls")
    assert wakedock_("wake", "hello") == f"{name} is awake\n"
    (listed,) = json.loads(wakedock_("ls", "-o", "json"))
    assert (listed["state"], listed["reason"]) == ("awake", "Command")
    assert "pinned awake until" in wakedock_("pin", "hello", "--for", "2h")
    assert "is pinned awake" in wakedock_("sleep", "hello", fails=6)
    assert "is not pinned" in wakedock_("unpin", "hello")
    described = wakedock_("describe", "hello")
    assert f"{name} is awake" in described
    assert ", ready" in described
    assert wakedock_("logs", "hello")
    assert wakedock_("sleep", "hello") == f"{name} is asleep\n"
    events = json.loads(wakedock_("events", "hello", "-o", "json"))
    assert [(event["kind"], event["reason"]) for event in events if event["kind"] in {"Woke", "Slept"}] == [
        ("Woke", "Command"),
        ("Slept", "Requested"),
    ]
    assert "there is no service" in wakedock_("wake", "nobody", fails=5).lower()


def test_a_cluster_without_wakedock_is_told_apart_from_one_that_does_not_answer(cluster, kubectl: Kubectl, tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(cluster.read_text().replace(":6443", ":1"))
    away = Terminal(Kubectl(kubeconfig, kubectl.namespace))
    assert "the cluster cannot be asked" in away("ls", fails=4)
