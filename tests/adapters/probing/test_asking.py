import asyncio
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest
from aiohttp import web

from tests.adapters.process.apps import service
from wakedock_operator.adapters.probing.answer import Target
from wakedock_operator.adapters.probing.command import Surroundings
from wakedock_operator.adapters.probing.readiness import Inside, ask_ready, ask_veto, probe_of, target_of
from wakedock_operator.ports.workloads import ProbeResult
from wakedock_operator.resource import CommandReadiness, HttpReadiness, HttpVeto, Protocol, StatusRange, TcpReadiness

Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve a handler on a free port; returns its address."""
    runners = []

    async def start(handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None) -> str:
        runner = web.ServerRunner(web.Server(handler, handler_cancellation=True), shutdown_timeout=0.01)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        return f"127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


def target(address: str, protocol: Protocol = Protocol.HTTP) -> Target:
    return Target(address=address, host="hello.localhost", protocol=protocol)


async def test_the_question_carries_the_first_host_and_the_path_as_written(serve: Serve):
    asked = []

    async def handler(request: web.BaseRequest) -> web.Response:
        asked.append((request.method, request.raw_path, request.headers["Host"], request.headers["User-Agent"]))
        return web.Response()

    result = await ask_ready(HttpReadiness(path="/a%20b?x={y}&z=%7B"), target(await serve(handler)))
    assert result == ProbeResult(ready=True, detail="HTTP 200")
    assert asked == [("GET", "/a%20b?x={y}&z=%7B", "hello.localhost", "wakedock-probe")]


@pytest.mark.parametrize("status, ready", [(200, True), (302, True), (404, True), (499, True), (500, False), (503, False)])
async def test_any_answer_below_500_means_ready_by_default(serve: Serve, status, ready):
    async def handler(request: web.BaseRequest) -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    result = await ask_ready(HttpReadiness(), target(await serve(handler)))
    assert result == ProbeResult(ready=ready, detail=f"HTTP {status}", unhealthy=not ready)


async def test_only_the_declared_statuses_mean_ready(serve: Serve):
    async def handler(request: web.BaseRequest) -> web.Response:
        return web.Response(status=404)

    result = await ask_ready(HttpReadiness(statuses=(StatusRange(200, 299),)), target(await serve(handler)))
    assert (result.ready, result.unhealthy) == (False, True)


async def test_an_endless_answer_is_an_answer(serve: Serve):
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    assert (await ask_ready(HttpReadiness(), target(await serve(handler)))).ready


async def test_no_answer_in_time_is_not_unhealthy(serve: Serve):
    async def handler(request: web.BaseRequest) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    result = await ask_ready(HttpReadiness(timeout=timedelta(milliseconds=50)), target(await serve(handler)))
    assert result == ProbeResult(ready=False, detail="no answer within 50ms")


@pytest.mark.parametrize("how", [HttpReadiness(), TcpReadiness()])
async def test_a_closed_port_is_a_refused_connection(how):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    assert await ask_ready(how, target(address)) == ProbeResult(ready=False, detail="connection refused")


async def test_what_is_no_http_is_no_answer():
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        result = await ask_ready(HttpReadiness(), target(f"127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    assert (result.ready, result.unhealthy) == (False, False)
    assert result.detail.startswith("no HTTP answer")


async def test_tcp_needs_a_connection_only():
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = await ask_ready(TcpReadiness(), target(f"127.0.0.1:{server.getsockname()[1]}"))
    assert result == ProbeResult(ready=True, detail="connected")


async def test_certificates_are_not_checked(serve: Serve, tmp_path: Path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=other", "-out"],
            str(certificate),
            "-keyout",
            str(key),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)

    async def handler(request: web.BaseRequest) -> web.Response:
        return web.Response(text=request.scheme)

    address = await serve(handler, tls)
    assert (await ask_ready(HttpReadiness(), target(address, Protocol.HTTPS))).detail == "HTTP 200"


class H2cApp(asyncio.Protocol):
    """Answers HTTP/2 without TLS, and nothing else."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.connection.initiate_connection()
        transport.write(self.connection.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self.connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                assert event.headers is not None
                authority = dict(event.headers)[b":authority"]
                status = "204" if authority == b"hello.localhost" else "500"
                self.connection.send_headers(event.stream_id or 0, [(":status", status)], end_stream=True)
        self.transport.write(self.connection.data_to_send())


async def test_h2c_is_asked_over_http2():
    server = await asyncio.get_running_loop().create_server(H2cApp, "127.0.0.1", 0)
    async with server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        result = await ask_ready(HttpReadiness(timeout=timedelta(seconds=10)), target(address, Protocol.H2C))
    assert result == ProbeResult(ready=True, detail="HTTP 204")


async def test_an_h2c_app_that_is_not_there_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    result = await ask_ready(HttpReadiness(timeout=timedelta(seconds=10)), target(address, Protocol.H2C))
    assert not result.ready
    assert result.detail.startswith("no HTTP/2 answer")


def inside(*words: str) -> Inside:
    return Inside(words=words, surroundings=Surroundings(environment={"PATH": os.environ["PATH"]}))


@pytest.mark.parametrize("code, ready", [(0, True), (3, False)])
async def test_a_command_is_ready_when_it_ends_with_0(code, ready):
    how = CommandReadiness(command=("sh",), timeout=timedelta(seconds=30))
    result = await ask_ready(how, target("127.0.0.1:1"), inside("sh", "-c", f"exit {code}"))
    assert result == ProbeResult(ready=ready, detail=f"'sh' exited with code {code}", unhealthy=not ready)


async def test_a_command_that_takes_too_long_is_killed_with_what_it_started(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    how = CommandReadiness(command=("sh",), timeout=timedelta(milliseconds=500))
    asked = asyncio.create_task(
        ask_ready(how, target("127.0.0.1:1"), inside("sh", "-c", f"exec 9>{pipe}; echo up >&9; sleep 600 & sleep 600"))
    )
    assert await asyncio.to_thread(os.read, reader, 10) in {b"up\n", b""}
    assert (await asked).detail == "'sh' did not end within 500ms"
    # The pipe ends when nobody holds its other end any more.
    while await asyncio.to_thread(os.read, reader, 10):
        pass
    os.close(reader)


async def test_a_command_that_cannot_be_run_says_so():
    result = await ask_ready(CommandReadiness(command=("x",)), target("127.0.0.1:1"), inside("/no/such"))
    assert result == ProbeResult(ready=False, detail="'/no/such' cannot be run: no such file or directory", unhealthy=True)


async def test_a_backend_without_commands_says_so():
    assert not (await ask_ready(CommandReadiness(command=("x",)), target("127.0.0.1:1"))).ready


@pytest.mark.parametrize("status, vetoed", [(409, True), (200, False), (500, False)])
async def test_409_vetoes(serve: Serve, status, vetoed):
    async def handler(request: web.BaseRequest) -> web.Response:
        assert request.path == "/may-sleep"
        return web.Response(status=status)

    result = await ask_veto(HttpVeto(path="/may-sleep"), target(await serve(handler)))
    assert (result.vetoed, result.detail) == (vetoed, f"HTTP {status}")


async def test_no_answer_vetoes():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    result = await ask_veto(HttpVeto(path="/may-sleep"), target(address))
    assert (result.vetoed, result.detail) == (True, "connection refused")


def test_a_pattern_is_asked_with_a_name_that_it_matches():
    assert target_of(service(hosts=["*.example.org"]), "127.0.0.1:1").host == "wakedock-probe.example.org"
    assert target_of(service(hosts=[]), "127.0.0.1:1").host == "localhost"


def test_the_default_question_is_the_documented_one():
    assert probe_of(service()) == HttpReadiness()
    assert probe_of(service(wake={"readiness": {"tcp": {}}})) == TcpReadiness()


def test_importing_the_probes_does_not_import_httpx():
    code = "import sys, wakedock_operator.adapters.probing.readiness; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
