"""HTTP probes as kubelet sends them, to a pod and to the address that stays."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hack.cluster.authority import openssl
from wakedock_operator.adapters.kubernetes.workloads import asking, http_get
from wakedock_operator.adapters.kubernetes.workloads.pod_readiness import HttpGet
from wakedock_operator.ports.workloads import ProbeResult
from wakedock_operator.resource import WakeService

Answer = Callable[[web.Request], web.StreamResponse]
LOCAL = "127.0.0.1"


class App:
    """Answers by path: a number is a status, `/slow` never answers."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if request.path == "/slow":
            await asyncio.Event().wait()
        said = request.path.removeprefix("/")
        code = int(said) if said.isdecimal() else 200
        return web.Response(status=code, headers={"Location": "/500"} if 300 <= code < 400 else {})

    def server(self, scheme: str = "http") -> TestServer:
        made = web.Application()
        made.router.add_route("*", "/{path:.*}", self.handle)
        return TestServer(made, scheme=scheme)

    def paths(self) -> list[str]:
        return [request.raw_path for request in self.requests]


@pytest.fixture
async def app() -> AsyncIterator[App]:
    made = App()
    async with made.server() as running:
        made.port = running.port or 0
        yield made


@pytest.mark.parametrize(
    "status, ready", [(200, True), (204, True), (302, True), (399, True), (400, False), (404, False), (500, False), (503, False)]
)
async def test_a_status_from_200_to_399_is_ready_and_any_other_unhealthy(app: App, status: int, ready: bool):
    result = await http_get.ask(HttpGet(app.port, f"/{status}"), LOCAL)
    assert result == ProbeResult(ready=ready, detail=f"HTTP {status}", unhealthy=not ready)
    assert app.paths() == [f"/{status}"]


@pytest.mark.parametrize(
    "path, asked", [("/", "/"), ("ready", "/ready"), ("/ready?deep=1", "/ready?deep=1"), ("/a%20b?x={y}", "/a%20b?x={y}")]
)
async def test_the_path_is_asked_as_it_is_written(app: App, path: str, asked: str):
    await http_get.ask(HttpGet(app.port, path), LOCAL)
    assert app.paths() == [asked]


async def test_it_asks_as_a_kubelet_does_with_the_headers_of_the_probe(app: App):
    await http_get.ask(HttpGet(app.port, headers=(("Host", "shop.example.org"), ("X-One", "1"), ("X-One", "2"), ("Empty", ""))), LOCAL)
    (request,) = app.requests
    assert request.method == "GET"
    assert request.headers["User-Agent"].startswith("kube-probe/")
    assert request.headers["Accept"] == "*/*"
    assert request.headers["Host"] == "shop.example.org"
    assert (request.headers.getall("X-One"), request.headers["Empty"]) == (["1", "2"], "")
    await http_get.ask(HttpGet(app.port, headers=(("user-agent", "mine"),)), LOCAL)
    assert app.requests[1].headers.getall("User-Agent") == ["mine"]


async def test_another_host_than_the_pod_is_asked_where_the_probe_names_one(app: App):
    assert (await http_get.ask(HttpGet(app.port, host=LOCAL), "192.0.2.1")).ready


async def test_certificates_are_not_checked(tmp_path: Path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=other", "-out", certificate, "-keyout", key)
    tls, app = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), App()
    tls.load_cert_chain(certificate, key)
    server = app.server("https")
    await server.start_server(ssl=tls)
    assert (await http_get.ask(HttpGet(server.port or 0, scheme="https"), LOCAL)).ready
    await server.close()


async def test_no_answer_in_time_is_not_ready(app: App):
    result = await http_get.ask(HttpGet(app.port, "/slow", timeout=timedelta(milliseconds=50)), LOCAL)
    assert result == ProbeResult(ready=False, detail="no answer within 50ms")


async def test_nobody_there_is_not_ready(unused_tcp_port: int):
    assert await http_get.ask(HttpGet(unused_tcp_port), LOCAL) == ProbeResult(ready=False, detail="connection refused")


async def test_what_is_no_http_is_not_ready(unused_tcp_port: int):
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        writer.close()

    server = await asyncio.start_server(talk, LOCAL, unused_tcp_port)
    result = await http_get.ask(HttpGet(unused_tcp_port), LOCAL)
    server.close()
    assert not result.ready
    assert not result.unhealthy
    assert result.detail.startswith("no HTTP answer: ")


def service(port: int, **wake: Any) -> WakeService:
    spec = {"hosts": ["shop.example.org"], "port": port, "targetRef": {"name": "shop"}, "wake": wake}
    return WakeService.from_document({"metadata": {"name": "shop"}, "spec": spec})


def pod(*probes: dict[str, Any], ready: str = "False") -> dict[str, Any]:
    containers = [{"name": f"c{number}", "readinessProbe": probe} for number, probe in enumerate(probes)] or [{"name": "c"}]
    return {"spec": {"containers": containers}, "status": {"podIP": LOCAL, "conditions": [{"type": "Ready", "status": ready}]}}


def get(port: int, path: str) -> dict[str, Any]:
    return {"httpGet": {"port": port, "path": path}}


async def test_a_pod_is_ready_when_all_its_probes_pass(app: App):
    assert (await asking.ask_pod(service(app.port), pod(get(app.port, "/200"), get(app.port, "/204")), app.port)).ready
    result = await asking.ask_pod(service(app.port), pod(get(app.port, "/200"), get(app.port, "/503")), app.port)
    assert (result.ready, result.detail) == (False, "HTTP 503")


async def test_a_pod_that_declares_nothing_is_ready_with_any_answer_below_500(app: App):
    assert (await asking.ask_pod(service(app.port), pod(), app.port)).ready
    assert app.paths() == ["/"]


async def test_the_way_of_the_wakeservice_wins_over_what_the_pod_declares(app: App):
    wanted = service(app.port, readiness={"http": {"path": "/201"}})
    assert (await asking.ask_pod(wanted, pod(get(app.port, "/503")), app.port)).ready
    assert app.paths() == ["/201"]


async def test_a_pod_that_only_kubernetes_can_ask_is_as_ready_as_its_condition(app: App):
    command = {"exec": {"command": ["true"]}}
    assert not (await asking.ask_pod(service(app.port), pod(command), app.port)).ready
    assert (await asking.ask_pod(service(app.port), pod(command, ready="True"), app.port)).ready
    assert app.paths() == []


async def test_the_address_that_stays_is_asked_what_the_pod_is_asked_at_the_app_s_port(app: App):
    """There the Service leads; its other probes are those of ports to which it does not lead."""
    said = pod(get(9999, "/health"), get(8080, "/204"))
    assert (await asking.ask_stable(service(8080), said, 8080, f"{LOCAL}:{app.port}")).detail == "HTTP 204"
    assert app.paths() == ["/204"]


async def test_where_no_probe_is_at_the_app_s_port_a_connection_to_the_address_that_stays_is_enough(app: App):
    result = await asking.ask_stable(service(8080), pod(get(9999, "/503")), 8080, f"{LOCAL}:{app.port}")
    assert (result.ready, result.detail) == (True, "connected")
    assert app.paths() == []


async def test_an_address_that_stays_without_anybody_behind_it_is_not_ready(unused_tcp_port: int):
    result = await asking.ask_stable(service(8080), pod({"exec": {"command": ["true"]}}), 8080, f"{LOCAL}:{unused_tcp_port}")
    assert (result.ready, result.detail) == (False, "connection refused")
