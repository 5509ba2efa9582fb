"""What values become, and which are refused."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.charts.conftest import CHART, VERSION, Render
from tests.charts.objects import container, containers, of_kind, pods
from tests.charts.variants import CLAIM, VARIANTS
from wakedock_operator.cli.cluster_settings import GatewaySettings, OperatorSettings, RestoreSettings

pytestmark = pytest.mark.charts


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_helm_finds_nothing_to_say(helm, values: tuple[str, ...]):
    ended = helm("lint", "--strict", str(CHART), *(f"--set={value}" for value in values))
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_every_pod_passes_pod_security_restricted(render: Render, values: tuple[str, ...]):
    for where, pod in pods(render(*values)):
        assert not any(pod.get(field) for field in ("hostNetwork", "hostPID", "hostIPC")), where
        for each in containers(pod):
            security = {**pod.get("securityContext", {}), **each.get("securityContext", {})}
            assert security["runAsNonRoot"] is True, where
            assert security["allowPrivilegeEscalation"] is False, where
            assert security["readOnlyRootFilesystem"] is True, where
            assert security["capabilities"]["drop"] == ["ALL"], where
            assert set(security["capabilities"].get("add", ())) <= {"NET_BIND_SERVICE"}, where
            assert security["seccompProfile"]["type"] == "RuntimeDefault", where
            assert each["resources"]["requests"], where
        assert not any("hostPath" in volume for volume in pod.get("volumes", ())), where


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_every_flag_is_an_option_that_exists(render: Render, values: tuple[str, ...]):
    known = {
        command: {name.replace("_", "-") for name in settings.model_fields}
        for command, settings in (("gateway", GatewaySettings), ("operator", OperatorSettings), ("restore", RestoreSettings))
    }
    checked = set()
    for where, pod in pods(render(*values)):
        for each in containers(pod):
            command, *flags = each.get("args") or [""]
            if command in known:
                checked.add(command)
                given = {flag.removeprefix("--").partition("=")[0] for flag in flags}
                assert given <= known[command], (where, given - known[command])
    assert {"gateway", "operator"} <= checked


def test_the_processes_are_told_what_the_values_say(render: Render):
    objects = render(*VARIANTS["targets"], *VARIANTS["hosts"], *VARIANTS["proxies"])
    operator, gateway = container(objects, "wakedock-operator", "operator"), container(objects, "wakedock-gateway", "activator")
    assert "--scale-targets=apps.example.org" in operator["args"]
    assert "--name=$(POD_NAME)" in operator["args"]
    assert {"--trusted-proxies=10.0.0.0/8", "--proxy-protocol=10.1.0.0/16"} <= set(gateway["args"])
    for each in (operator, gateway):
        assert "--allowed-hosts=/etc/wakedock/allowed-hosts.yaml" in each["args"]
    (hosts,) = [each for name, each in of_kind(objects, "ConfigMap").items() if name.endswith("-allowed-hosts")]
    assert "*.a.test" in hosts["data"]["allowed-hosts.yaml"]


def test_changed_hosts_roll_both_processes(render: Render):
    def marks(*values: str) -> list[str]:
        deployments = of_kind(render(*values), "Deployment").values()
        return [each["spec"]["template"]["metadata"]["annotations"]["wakedock.dev/configuration"] for each in deployments]

    assert not set(marks()) & set(marks(*VARIANTS["hosts"]))


def test_namespaced_mode_has_no_rights_in_the_rest_of_the_cluster(render: Render):
    objects = render(*VARIANTS["namespaced"])
    assert of_kind(objects, "ClusterRole") == {}
    assert of_kind(objects, "ClusterRoleBinding") == {}
    assert {each["metadata"]["namespace"] for each in objects if each["kind"] == "Role"} == {"team-a", "team-b", "wakedock"}
    for name, process in (("wakedock-operator", "operator"), ("wakedock-gateway", "activator")):
        arguments = container(objects, name, process)["args"]
        assert [each for each in arguments if "watch-namespaces" in each] == ["--watch-namespaces=team-a", "--watch-namespaces=team-b"]


def test_the_definitions_are_kept_unless_told_otherwise(render: Render):
    (crd,) = of_kind(render(), "CustomResourceDefinition").values()
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    (crd,) = of_kind(render("crds.keep=false"), "CustomResourceDefinition").values()
    assert "helm.sh/resource-policy" not in crd["metadata"].get("annotations", {})
    assert of_kind(render("crds.enabled=false"), "CustomResourceDefinition") == {}


@pytest.mark.parametrize(
    "values, message",
    [
        (("gateway.tls.mode=Secrets",), "name at least one Secret"),
        (("gateway.tls.mode=ACME",), "name a PersistentVolumeClaim"),
        (("gateway.tls.mode=ACME", CLAIM), "use a ReadWriteMany claim"),
        (("gateway.tls.mode=Sometimes",), "must be one of 'Off', 'Secrets', 'ACME'"),
        (("gateway.replica=3",), "replica"),
        (("gatway.replicas=3",), "gatway"),
        (("gateway.replicas=none",), "replicas"),
        (("watchNamespaces={Team_A}",), "Team_A"),
        (("allowedHosts.team-a={}",), "allowedHosts: team-a has an empty host; for a namespace that may have none write []"),
        (("gateway.tls.secrets={one}",), "gateway.tls.mode is Off"),
        (("gateway.trustedProxies={foo}",), 'gateway.trustedProxies: "foo" is no network'),
        (("gateway.trustedProxies={10.0.0.1,300.1.1.1/8}",), '"300.1.1.1/8" is no network'),
        (("gateway.proxyProtocol={10.0.0.0/99}",), 'gateway.proxyProtocol: "10.0.0.0/99" is no network'),
        (("gateway.proxyProtocol={fd00::/129}",), '"fd00::/129" is no network'),
        (("gateway.runtimeSize=lots",), 'gateway.runtimeSize: "lots" is no size'),
        (("image.digest=abc",), 'image.digest: "abc" is no digest'),
        (("gateway.caddy.image.digest=sha256:12",), 'gateway.caddy.image.digest: "sha256:12" is no digest'),
        (("gateway.tls.mode=Secrets", "gateway.tls.secrets={one}", "gateway.service.httpsPort=8443"), "HTTP/3"),
    ],
)
def test_mistakes_are_refused_with_what_to_do(helm, values: tuple[str, ...], message: str):
    ended = helm("template", "wakedock", str(CHART), VERSION, *(f"--set={value}" for value in values))
    assert ended.returncode != 0
    assert message in ended.stderr


@pytest.mark.parametrize(
    "value",
    ["gateway.trustedProxies={10.244.0.0/16,192.0.2.7,fd00::/8,::1}", "gateway.runtimeSize=1.5Gi", f"image.digest=sha256:{'0a' * 32}"],
)
def test_what_is_right_is_not_refused(render: Render, value: str):
    assert of_kind(render(value), "Deployment")


def pre_stop(render: Render, runtime: Path, *values: str, says_drained_after: int) -> int:
    """Run the hook of Caddy's container, in a time of its own; returns how many seconds it waited."""
    caddy = container(render(*values), "wakedock-gateway", "caddy")
    shell, flag, script = caddy["lifecycle"]["preStop"]["exec"]["command"]
    sleep = runtime / "sleep"
    sleep.write_text(
        f'#!/bin/sh\n[ "$1" = 1 ] && echo >> {runtime}/seconds\n'
        f"[ $(wc -l < {runtime}/seconds) -lt {says_drained_after} ] || touch {runtime}/drained\n"
    )
    sleep.chmod(0o755)
    (runtime / "seconds").touch()
    environment = {"PATH": f"{runtime}:{os.environ['PATH']}"}
    ended = subprocess.run([shell, flag, script.replace("/run/wakedock", str(runtime))], env=environment, check=False, timeout=60)
    assert ended.returncode == 0
    assert (runtime / "stopping").exists()
    return len((runtime / "seconds").read_text())


def test_caddy_ends_as_soon_as_the_gateway_says_that_it_is_drained(render: Render, tmp_path: Path):
    assert pre_stop(render, tmp_path, says_drained_after=3) == 3


@pytest.mark.parametrize("timeout", [5, 30])
def test_caddy_waits_for_the_drain_timeout_and_no_longer(render: Render, tmp_path: Path, timeout: int):
    assert pre_stop(render, tmp_path, f"gateway.drainTimeout={timeout}", says_drained_after=1000) == timeout


def test_kubelet_leaves_more_time_than_the_drain_takes(render: Render):
    (gateway,) = [pod for where, pod in pods(render("gateway.drainTimeout=70")) if where.endswith("wakedock-gateway")]
    assert gateway["terminationGracePeriodSeconds"] > 70
