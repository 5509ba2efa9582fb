"""Namespaced mode: the chart's processes with the chart's flags, as the chart's accounts, which have Roles in two namespaces."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
import yaml

from hack.cluster.api_server import free_port, process
from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import ClusterError
from tests.charts.conftest import Render, helm, render
from tests.charts.objects import Object, containers, of_kind, pods
from tests.kubernetes.test_rights import by_namespace
from wakedock_operator.adapters.caddy.binary import find_caddy
from wakedock_operator.adapters.kubernetes.client import Api, connect
from wakedock_operator.adapters.kubernetes.departure import DRAINED, STOPPING, Departure
from wakedock_operator.resource import API_VERSION

__all__ = ["helm", "render"]  # fixtures

pytestmark = [pytest.mark.kubernetes, pytest.mark.charts, pytest.mark.caddy, pytest.mark.timeout(180)]

PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Installed:
    """A release that serves two namespaces, and a third one that it does not."""

    api: Path
    folder: Path
    """Where its processes have their files."""
    own: str
    one: str
    two: str
    other: str
    objects: list[Object]

    @property
    def served(self) -> tuple[str, str]:
        return self.one, self.two

    def kubectl(self, namespace: str) -> Kubectl:
        """As administrator."""
        return Kubectl(self.api, namespace)

    def kubeconfig(self, process: str) -> Path:
        """That of a process: its account's token."""
        path = self.folder / f"{process}.kubeconfig"
        document = yaml.safe_load(self.api.read_text())
        token = self.kubectl(self.own)("create", "token", f"wakedock-{process}").strip()
        document["users"] = [{"name": each["name"], "user": {"token": token}} for each in document["users"]]
        path.write_text(yaml.safe_dump(document))
        return path

    def command(self, process: str, name: str, **changed: str) -> tuple[str, ...]:
        """What the chart starts in a pod of this name, with these options given another value."""
        workloads = (pod for _, pod in pods(self.objects))
        (words,) = (each["args"] for pod in workloads for each in containers(pod) if each.get("args", [""])[0] == process)
        options = {f"--{option.replace('_', '-')}": value for option, value in changed.items()}
        kept = [word for word in words if word.partition("=")[0] not in options]
        told = [word.replace("$(POD_NAME)", name).replace("$(POD_NAMESPACE)", self.own) for word in kept]
        given = [f"{option}={value}" for option, value in options.items()]
        return sys.executable, "-m", "wakedock_operator.cli", *told, f"--kubeconfig={self.kubeconfig(process)}", *given

    def show_logs(self) -> None:
        """For a test that failed."""
        for log in sorted(self.folder.glob("*.log")):
            print(f"--- {log.stem}", *log.read_text(errors="replace").splitlines()[-60:], sep="\n")


@pytest.fixture(scope="module")
def installed(api: Path, render: Render) -> Iterator[Installed]:
    run = uuid4().hex[:8]
    own, one, two, other = names = [f"namespaced-{each}-{run}" for each in ("own", "one", "two", "other")]
    Kubectl(api).apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names))
    objects = render(f"watchNamespaces={{{one},{two}}}", namespace=own)
    for namespace, access in by_namespace(objects).items():
        Kubectl(api, namespace).apply(*access)
    tmpfs = Path("/dev/shm")
    with TemporaryDirectory(prefix="wd", dir=tmpfs if os.access(tmpfs, os.W_OK) else None) as folder:
        yield Installed(api, Path(folder), own, one, two, other, objects)


@dataclass(frozen=True, slots=True)
class Running:
    """Its operator, and one gateway with its Caddy."""

    installed: Installed
    port: int
    """Where the apps are served."""

    def knows(self, host: str) -> bool:
        """Whether the configuration in force at the gateway names a host."""
        return json.dumps(host) in (self.installed.folder / "run/caddy.json").read_text()

    def ask(self, host: str) -> None:
        """A request that is held, and that its client gives up."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=1)) as connection, suppress(TimeoutError):
            connection.request("GET", "/", headers={"Host": host})
            connection.getresponse().read()


@pytest.fixture(scope="module")
def running(installed: Installed) -> Iterator[Running]:
    port, gateway, operator = free_port(), free_port(), free_port()
    runtime = installed.folder / "run"
    runtime.mkdir()
    caddy = runtime / "caddy.json"
    probes = {name: f"127.0.0.1:{each}" for name, each in (("gateway", gateway), ("operator", operator))}
    labels = of_kind(installed.objects, "Deployment")["wakedock-gateway"]["spec"]["template"]["metadata"]["labels"]
    be_there(installed.kubectl(installed.own), "gateway-0", labels)
    operates = installed.command("operator", "operator-0", metrics_listen=probes["operator"], gateway_port=str(gateway))
    carries = installed.command("gateway", "gateway-0", metrics_listen=probes["gateway"], listen=f"127.0.0.1:{port}", runtime=str(runtime))
    with ExitStack() as stack:
        stack.callback(installed.show_logs)
        stack.enter_context(process(operates, installed.folder / "operator.log"))
        stack.enter_context(process(carries, installed.folder / "gateway.log"))
        until(caddy.exists)
        program = str(asyncio.run(find_caddy()).path)
        stack.enter_context(process((program, "run", "--config", str(caddy)), installed.folder / "caddy.log"))
        until(lambda: all(answers(address, "ready") for address in probes.values()))
        yield Running(installed, port)


def answers(address: str, probe: str) -> bool:
    """Whether a probe says yes; OSError when it does not."""
    with urllib.request.urlopen(f"http://{address}/health/{probe}", timeout=10) as answer:
        return bool(answer.status == 200)


def be_there(kubectl: Kubectl, name: str, labels: dict[str, str]) -> None:
    """A pod that runs, as far as the API server knows, on this machine."""
    spec = {"nodeName": "node", "containers": [{"name": "web", "image": "web:1"}]}
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec})
    status = {
        "phase": "Running",
        "podIP": "127.0.0.1",
        "podIPs": [{"ip": "127.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    kubectl("patch", "pod", name, "--subresource=status", "--type=merge", f"--patch={json.dumps({'status': status})}")


def until(holds: Callable[[], object]) -> None:
    """Ask until it holds; what cannot be answered yet does not."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if holds():
                return
            assert time.monotonic() < deadline
        except (ClusterError, OSError, KeyError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def define(kubectl: Kubectl, name: str, **spec: object) -> str:
    """A WakeService; gives its host."""
    host = f"{name}.{kubectl.namespace}.test"
    document = {
        "apiVersion": API_VERSION,
        "kind": "WakeService",
        "metadata": {"name": name},
        "spec": {"hosts": [host], "port": 8080, **spec},
    }
    kubectl.apply(document)
    return host


def deploy(kubectl: Kubectl, name: str, *, count: int) -> None:
    spec = {
        "replicas": count,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
    }
    kubectl.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})


def replicas(kubectl: Kubectl, name: str) -> int:
    found: int = kubectl.get("deployment", name)["spec"]["replicas"]
    return found


def status(kubectl: Kubectl, name: str) -> Object:
    found: Object = kubectl.get("wakeservice", name)["status"]
    return found


@pytest.fixture(params=["one", "two"])
def served(request: pytest.FixtureRequest, installed: Installed) -> Kubectl:
    """kubectl as administrator in each namespace that is served."""
    return installed.kubectl(installed.served[request.param == "two"])


def test_an_app_is_made_routed_and_woken(running: Running, served: Kubectl):
    host = define(served, "shop", app={"image": "web:1"})
    until(lambda: running.knows(host))
    until(lambda: status(served, "shop")["serving"] == "Asleep")
    assert replicas(served, "shop") == 0
    assert served("get", "service", "shop", "--output=name") == "service/shop\n"
    running.ask(host)
    until(lambda: replicas(served, "shop") == 1)


def test_an_app_of_another_namespace_is_left_alone(running: Running, served: Kubectl):
    other = running.installed.kubectl(running.installed.other)
    host = define(other, "before", app={"image": "web:1"})
    later = define(served, "after", app={"image": "web:1"})
    until(lambda: running.knows(later))
    until(lambda: status(served, "after")["serving"] == "Asleep")
    assert "status" not in other.get("wakeservice", "before")
    assert other("get", "deployments,services", "--output=name") == ""
    assert not running.knows(host)


def test_what_was_made_is_made_again_and_what_has_ended_is_not_served(running: Running, served: Kubectl):
    host = define(served, "kept", app={"image": "web:1"})
    until(lambda: served.get("deployment,service", "kept"))
    served("delete", "deployment,service", "kept")
    until(lambda: served.get("deployment,service", "kept"))
    until(lambda: running.knows(host))
    served("delete", "wakeservice", "kept")
    until(lambda: not running.knows(host))


def test_a_target_sleeps_and_gets_its_replicas_back(running: Running, served: Kubectl):
    deploy(served, "web", count=3)
    define(served, "web", targetRef={"name": "web"}, idleTimeout="1s", sleep={"minAwake": "0s"})
    until(lambda: replicas(served, "web") == 0)
    served("delete", "wakeservice", "web")
    until(lambda: replicas(served, "web") == 3)


def slice_of(pod: str, *, is_ready: bool) -> Object:
    """As one that leads callers to a gateway."""
    endpoint = {"addresses": ["10.1.2.3"], "conditions": {"ready": is_ready}, "targetRef": {"kind": "Pod", "name": pod}}
    metadata = {"name": "leaving", "labels": {"endpointslice.kubernetes.io/managed-by": "wakedock.dev"}}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": "IPv4",
        "ports": [],
        "endpoints": [endpoint],
    }


@pytest.fixture
async def gateways_api(installed: Installed) -> AsyncIterator[Api]:
    """The connection of a gateway's account."""
    connected = await connect(kubeconfig=installed.kubeconfig("gateway"))
    yield connected
    await connected.close()


async def test_a_gateway_stays_while_a_slice_of_any_served_namespace_sends_requests_to_it(
    installed: Installed, gateways_api: Api, runtime_dir: Path
):
    async def carried() -> int:
        return 0

    served = (installed.one, installed.two)
    departure = Departure(gateways_api, namespace=installed.own, callers_in=served, pod="gateway-1", runtime=runtime_dir, carried=carried)
    for namespace in (installed.own, *served):
        kubectl = installed.kubectl(namespace)
        kubectl.apply(slice_of("gateway-1", is_ready=True))
        assert await departure._listed(), namespace
        kubectl.apply(slice_of("gateway-1", is_ready=False))
        assert not await departure._listed(), namespace


def test_a_gateway_that_leaves_asks_only_what_its_roles_allow(installed: Installed, runtime_dir: Path):
    probes = f"127.0.0.1:{free_port()}"
    options = {"metrics_listen": probes, "listen": f"127.0.0.1:{free_port()}", "runtime": str(runtime_dir)}
    log = runtime_dir / "gateway.log"
    with process(installed.command("gateway", "gateway-2", **options), log):
        until(lambda: answers(probes, "started"))
        (runtime_dir / STOPPING).touch()
        until((runtime_dir / DRAINED).exists)
    assert "may not be read" not in log.read_text()


def test_an_uninstallation_puts_the_replicas_of_both_namespaces_back(installed: Installed):
    for namespace in (installed.one, installed.two):
        kubectl = installed.kubectl(namespace)
        deploy(kubectl, "left", count=0)
        counts = {"replicas": 2, "uid": "of-one-that-was-there", "apiVersion": "apps/v1", "kind": "Deployment", "name": "left"}
        data = {"Deployment.apps.left": json.dumps(counts)}
        kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "wakedock-replicas"}, "data": data})
    ended = subprocess.run(installed.command("restore", "restore-0"), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    for namespace in (installed.one, installed.two):
        assert replicas(installed.kubectl(namespace), "left") == 2
