"""HTTP/2, gRPC and WebSocket through a cold start."""

import asyncio
import hashlib
import random
import socket
import sys
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.e2e.connection import ask, connected
from tests.e2e.http2_connection import http2_connection
from tests.e2e.standing import APPS, Plan, Standing, standing

pytestmark = [pytest.mark.e2e, pytest.mark.caddy, pytest.mark.asyncio(loop_scope="module")]

UPLOAD = random.Random(2).randbytes(3_000_000)
PYTHON = [sys.executable, "-I"]


def services(plan: Plan) -> None:
    plan.echo("awake")
    for number in range(12):
        plan.echo(f"plain-{number}")
        plan.service(f"h2c-{number}", app={"command": [*PYTHON, str(APPS / "h2c_app.py"), f"h2c-{number}"]}, protocol="h2c")
    for number in range(3):
        command = [*PYTHON, str(APPS / "websocket_app.py")]
        plan.service(f"socket-{number}", app={"command": command})
    for number in range(4):
        command = [*PYTHON, str(APPS / "grpc_app.py"), f"test.Cold{number}"]
        plan.service(f"grpc-{number}", hosts=["grpc.test"], paths=[f"/test.Cold{number}"], app={"command": command}, protocol="h2c")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand() -> AsyncIterator[Standing]:
    async with standing(services) as stand:
        await ask(stand.port, "awake.test")
        yield stand


@pytest.fixture(scope="module")
def unused():
    """The next service of a kind that nobody woke yet."""
    kinds: dict[str, int] = {}

    def next_of(kind: str) -> str:
        kinds[kind] = kinds.get(kind, -1) + 1
        return f"{kind}-{kinds[kind]}"

    return next_of


@pytest_asyncio.fixture(loop_scope="module", params=[False, True], ids=["a new connection", "a used connection"])
async def http2(request, stand) -> AsyncIterator[httpx.AsyncClient]:
    """A client with one HTTP/2 connection, by prior knowledge."""
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(http1=False, http2=True, base_url=f"http://127.0.0.1:{stand.port}", timeout=60, limits=limits) as client:
        if request.param:
            assert (await client.get("/", headers={"Host": "awake.test"})).status_code == 200
        yield client


@pytest.mark.parametrize("kind", ["plain", "h2c"])
async def test_http2_requests(stand, http2, unused, kind):
    name = unused(kind)
    answers = []
    for method in ("POST", "GET", "POST"):
        http2.cookies.clear()
        content = UPLOAD if method == "POST" else None
        answers.append(await http2.request(method, f"/{method}?a=%20b", headers={"Host": f"{name}.test"}, content=content))
    assert [(answer.status_code, answer.http_version) for answer in answers] == [(200, "HTTP/2")] * 3
    for answer, length in zip(answers, (len(UPLOAD), 0, len(UPLOAD)), strict=True):
        assert answer.json()["length"] == length
        assert answer.headers["server"] == {"plain": "echo/1", "h2c": "h2c/1"}[kind]
        assert not [header for header in answer.headers if "wakedock" in header]
        seen = dict(answer.json()["headers"])
        assert seen.get(":authority", seen.get("host")) == f"{name}.test"
        assert not [header for header in seen if "wakedock" in header]
    assert answers[0].json()["sha256"] == hashlib.sha256(UPLOAD).hexdigest()
    assert sorted(answers[0].json()["headers"]) == sorted(answers[2].json()["headers"])
    assert answers[0].json()["pid"] == answers[2].json()["pid"]


@pytest.mark.parametrize("used", [False, True], ids=["a new connection", "a used connection"])
async def test_http1_requests_to_an_app_that_speaks_http2_only(stand, unused, used):
    name = unused("h2c")
    async with connected(stand.port) as connection:
        if used:
            assert (await connection.ask("GET", "/", host="awake.test")).status == 200
        for body in ([UPLOAD[:1_000_000], UPLOAD[1_000_000:]], UPLOAD, None):
            answer = await connection.ask("PUT", "/upload", host=f"{name}.test", body=body)
            assert (answer.status, answer.json()["length"]) == (200, 0 if body is None else len(UPLOAD))
            assert dict(answer.json()["headers"])[":authority"] == f"{name}.test"
            if body is not None:
                assert answer.json()["sha256"] == hashlib.sha256(UPLOAD).hexdigest()


async def test_many_http2_requests_at_once_on_one_connection(stand, http2, unused):
    name = unused("h2c")

    async def get(number: int):
        return await http2.get(f"/{number}", headers={"Host": f"{name}.test"})

    answers = await asyncio.gather(*(get(number) for number in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert {dict(answer.json()["headers"])[":path"] for answer in answers} == {f"/{number}" for number in range(100)}
    assert len({answer.json()["pid"] for answer in answers}) == 1


@pytest.mark.parametrize("used", [False, True], ids=["a new connection", "a used connection"])
async def test_a_stream_in_both_directions_over_http2(stand, unused, used):
    async with http2_connection("127.0.0.1", stand.port) as connection:
        if used:
            connection.open("GET", "/", "awake.test", end=True)
            assert (await connection.head(1))[":status"] == "200"
        stream = connection.open("POST", "/mirror", f"{unused('h2c')}.test")
        connection.send(stream, b"message 0")
        assert (await connection.head(stream))[":status"] == "200"
        assert await connection.data(stream) == b"message 0"
        for number in range(1, 4):
            connection.send(stream, f"message {number}".encode())
            assert await connection.data(stream) == f"message {number}".encode()
        connection.send(stream, b"", end=True)
        assert await connection.data(stream) == b""


@pytest.mark.grpc
@pytest.mark.parametrize("used", [False, True], ids=["a new connection", "a used connection"])
async def test_grpc_calls(stand, unused, used):
    import grpc

    options = [("grpc.default_authority", "grpc.test"), ("grpc.enable_http_proxy", 0)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{stand.port}", options=options) as channel:
        first, second = unused("grpc").replace("grpc-", "test.Cold"), unused("grpc").replace("grpc-", "test.Cold")
        if used:
            first, second = second, first
        unary = channel.unary_unary(f"/{first}/Unary")
        assert await unary(b"hello", metadata=[("x-said", "home")]) == b"hello at home"
        refuse = channel.unary_unary(f"/{first}/Refuse")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await refuse(b"x")
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        assert refused.value.details() == "nothing here"
        assert ("x-trailer", "said at the end") in tuple(refused.value.trailing_metadata() or ())
        chat = channel.stream_stream(f"/{second}/Chat")()
        for number in range(4):
            await chat.write(f"message {number}".encode())
            assert await chat.read() == f"heard message {number}".encode()
        await chat.done_writing()
        assert await chat.read() is grpc.aio.EOF
        assert await chat.code() is grpc.StatusCode.OK


async def used_socket(port: int) -> socket.socket:
    """A connection on which a request to an awake app was answered."""
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setblocking(False)
    await loop.sock_connect(connection, ("127.0.0.1", port))
    await loop.sock_sendall(connection, b"GET / HTTP/1.1\r\nHost: awake.test\r\n\r\n")
    got = b""
    while b"\r\n\r\n" not in got:
        got += await loop.sock_recv(connection, 65536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += await loop.sock_recv(connection, 65536)
    return connection


@pytest.mark.parametrize("used", [False, True], ids=["a new connection", "a used connection"])
async def test_a_websocket(stand, unused, used):
    from websockets.asyncio.client import connect
    from websockets.typing import Subprotocol

    name = unused("socket")
    where = {"sock": await used_socket(stand.port)} if used else {"host": "127.0.0.1", "port": stand.port}
    async with connect(f"ws://{name}.test/chat?a=b", subprotocols=[Subprotocol("chat")], max_size=None, proxy=None, **where) as websocket:
        assert await websocket.recv() == f"{name}.test /chat?a=b chat"
        for message in ("text", b"bytes", UPLOAD):
            await websocket.send(message)
            assert await websocket.recv() == message
        assert websocket.response is not None
        assert not [header for header in websocket.response.headers if "wakedock" in header.lower()]
