"""The way to an API server: what its answers mean, and how credentials are renewed."""

import asyncio
import datetime as dt
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.config import incluster_config

from wakedock_operator.adapters.kubernetes import client
from wakedock_operator.adapters.kubernetes.client import Api, connect
from wakedock_operator.adapters.kubernetes.errors import ApiError, Conflict, Forbidden, Gone, Invalid, NotFound, Unauthorized, Unavailable
from wakedock_operator.errors import ConfigurationMistake

Answer = Callable[[web.Request], web.StreamResponse]


class Server:
    """An API server that answers the next requests as told, then always as it did last."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[web.Request] = []
        self.address = ""

    def application(self) -> web.Application:
        made = web.Application()
        made.router.add_route("*", "/{path:.*}", self.handle)
        return made

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(request)

    def says(self, *answers: Answer) -> None:
        self.answers = [*answers]

    @property
    def tokens(self) -> list[str]:
        return [request.headers.get("Authorization", "").partition(" ")[2] for request in self.requests]


def status(code: int, reason: str = "", message: str = "") -> Answer:
    """A refusal as API servers write it."""
    return lambda _: web.json_response({"kind": "Status", "code": code, "reason": reason, "message": message}, status=code)


def page(*names: str, version: str = "7", more: str = "") -> Answer:
    items = [{"metadata": {"name": name}} for name in names]
    return lambda _: web.json_response({"metadata": {"resourceVersion": version, "continue": more}, "items": items})


def stream(*events: Any, end: str = "") -> Answer:
    """The events of a watch, and what stands after the last whole one."""
    lines = "".join(json.dumps(each) + "\n" for each in events)
    return lambda _: web.Response(text=lines + end)


def accepts(*tokens: str) -> Answer:
    def answer(request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        return page()(request) if given.partition(" ")[2] in tokens else status(401, "Unauthorized")(request)

    return answer


def event(kind: str, version: str) -> dict[str, Any]:
    return {"type": kind, "object": {"metadata": {"resourceVersion": version}}}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    async with TestServer(made.application()) as running:
        made.address = str(running.make_url("/")).rstrip("/")
        yield made


def kubeconfig(folder: Path, address: str, user: dict[str, Any]) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": address}}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "team"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
async def api(server: Server, tmp_path: Path) -> AsyncIterator[Api]:
    connected = await connect(kubeconfig=kubeconfig(tmp_path, server.address, {"token": "one"}))
    yield connected
    await connected.close()


async def followed(api: Api) -> list[str]:
    return [f"{kind} {raw['metadata']['resourceVersion']}" async for kind, raw in api.watch("/things", version="5", seconds=60)]


async def test_a_watch_asks_for_bookmarks_and_yields_them_with_the_events(api: Api, server: Server):
    server.says(stream(event("ADDED", "6"), event("BOOKMARK", "9")))
    assert await followed(api) == ["ADDED 6", "BOOKMARK 9"]
    asked = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "5", "timeoutSeconds": "60"}
    assert dict(server.requests[0].query) == asked


@pytest.mark.parametrize(
    "answer, error",
    [
        (status(410, "Expired", "too old resource version"), Gone),
        (stream({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}), Gone),
        (stream(event("ADDED", "6"), {"type": "ERROR", "object": {"code": 410}}), Gone),
        (stream({"type": "ERROR", "object": {"code": 500, "message": "etcd is away"}}), Unavailable),
        (stream({"type": "ERROR", "object": {}}), Unavailable),
        (stream(event("ADDED", "6"), end='{"type": "ADDED", "obj'), Unavailable),
        (stream(end="<html>"), Unavailable),
        (status(403, "Forbidden"), Forbidden),
        (status(429, "TooManyRequests"), Unavailable),
    ],
    ids=[
        "gone, as the answer",
        "gone, in the stream",
        "gone, after an event",
        "a fault in the stream",
        "a fault without a code",
        "cut off in the middle of an event",
        "no events at all",
        "forbidden",
        "too many requests",
    ],
)
async def test_a_watch_ends_with(api: Api, server: Server, answer: Answer, error: type[ApiError]):
    server.says(answer)
    with pytest.raises(ApiError, match="WATCH /things") as raised:
        await followed(api)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    "code, error",
    [
        (400, Invalid),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (408, Unavailable),
        (409, Conflict),
        (410, Gone),
        (422, Invalid),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
async def test_a_refusal_is_told_apart_by_its_status(api: Api, server: Server, code: int, error: type[ApiError]):
    server.says(status(code, "Reason", "in words"))
    with pytest.raises(ApiError, match=f"GET /things: {code} Reason: in words") as raised:
        await api.get("/things")
    assert (type(raised.value), raised.value.status, raised.value.reason) == (error, code, "Reason")


async def test_nobody_there_is_unavailable(tmp_path: Path, unused_tcp_port: int):
    connected = await connect(kubeconfig=kubeconfig(tmp_path, f"http://127.0.0.1:{unused_tcp_port}", {"token": "one"}))
    with pytest.raises(Unavailable, match="GET /things"):
        await connected.get("/things")
    await connected.close()


async def test_what_is_not_json_comes_from_no_api_server(api: Api, server: Server):
    server.says(lambda _: web.Response(text="<html>"))
    with pytest.raises(Unavailable, match=r"is http://127\.0\.0\.1:[0-9]+ an API server"):
        await api.get("/things")


async def test_a_list_is_read_page_by_page(api: Api, server: Server):
    server.says(page("a", more="next"), page("b"))
    assert [each["metadata"]["name"] for each in await api.read_all("/things")] == ["a", "b"]
    assert [request.query.get("continue") for request in server.requests] == [None, "next"]


async def test_a_list_whose_pages_went_out_of_date_is_read_anew_once(api: Api, server: Server):
    server.says(page("a", more="next"), status(410, "Expired"), page("c"))
    assert [each["metadata"]["name"] for each in await api.read_all("/things")] == ["c"]
    server.says(page("a", more="next"), status(410, "Expired"), page("a", more="next"), status(410, "Expired"))
    with pytest.raises(Gone):
        await api.read_all("/things")


async def test_of_metadata_alone_the_api_server_is_asked_for_no_more(api: Api, server: Server):
    server.says(page("a"))
    assert [items async for items, _ in api.metadata_pages("/things")] == [[{"metadata": {"name": "a"}}]]
    assert "PartialObjectMetadataList" in server.requests[0].headers["Accept"]


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A credential plugin: it gives the token of a file, and writes down that it ran."""
    (tmp_path / "token").write_text("one")
    program = tmp_path / "plugin"
    answer = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"}}'
    program.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\nprintf '{answer}' \"$(cat {tmp_path}/token)\"\n")
    program.chmod(0o755)
    return program


@pytest.fixture
async def by_plugin(server: Server, plugin: Path, tmp_path: Path) -> AsyncIterator[Api]:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}}
    connected = await connect(kubeconfig=kubeconfig(tmp_path, server.address, user))
    yield connected
    await connected.close()


def runs(folder: Path) -> int:
    return (folder / "runs").read_text().count("run")


async def test_a_plugin_of_the_kubeconfig_gives_the_credentials(by_plugin: Api, server: Server, tmp_path: Path):
    server.says(accepts("one"))
    await by_plugin.get("/things")
    await by_plugin.get("/things")
    assert server.tokens == ["one", "one"]
    assert runs(tmp_path) == 1
    assert by_plugin.namespace == "team"


async def test_a_plugin_is_run_again_once_its_token_is_accepted_no_more(by_plugin: Api, server: Server, tmp_path: Path):
    server.says(accepts("two"))
    (tmp_path / "token").write_text("two")
    await by_plugin.get("/things")
    await by_plugin.get("/things")
    assert server.tokens == ["one", "two", "two"]
    assert runs(tmp_path) == 2


async def test_a_watch_renews_its_credentials_as_well(by_plugin: Api, server: Server, tmp_path: Path):
    (tmp_path / "token").write_text("two")
    server.says(status(401, "Unauthorized"), stream(event("ADDED", "6")))
    assert await followed(by_plugin) == ["ADDED 6"]
    assert server.tokens == ["one", "two"]


async def test_credentials_that_are_not_accepted_even_when_they_are_new_are_said_to_be_so(by_plugin: Api, server: Server):
    server.says(accepts())
    with pytest.raises(Unauthorized):
        await by_plugin.get("/things")
    assert len(server.requests) == 2


class Pod:
    """What a pod has of its account, and the clock by which its token is read again."""

    def __init__(self, folder: Path) -> None:
        self.token, self.authority, self.namespace = folder / "token", folder / "ca.crt", folder / "namespace"
        self.now = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
        self.key = folder / "ca.key"
        self.token.write_text("one")
        self.namespace.write_text("wakedock\n")
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
        about = ["-subj", "/CN=api", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(self.key), "-out", str(self.authority)]
        subprocess.run([*words, *about], check=True, capture_output=True)

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.authority, self.key)
        return context

    def rotate(self, token: str, *, after: float) -> None:
        """kubelet puts another token there, and so many seconds pass."""
        self.token.write_text(token)
        self.now += dt.timedelta(seconds=after)


@pytest.fixture
async def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Pod, Server]]:
    made, server = Pod(tmp_path), Server()
    clock = SimpleNamespace(now=lambda: made.now)
    monkeypatch.setattr(incluster_config, "datetime", SimpleNamespace(datetime=clock, timedelta=dt.timedelta))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(made.token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(made.authority))
    monkeypatch.setattr(client, "_NAMESPACE_FILE", made.namespace)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    secure = TestServer(server.application(), scheme="https")
    await secure.start_server(ssl=made.tls())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(secure.port))
    yield made, server
    await secure.close()


@pytest.fixture
async def in_cluster(pod: tuple[Pod, Server]) -> AsyncIterator[Api]:
    connected = await connect()
    yield connected
    await connected.close()


async def test_in_a_pod_its_own_account_is_used(pod: tuple[Pod, Server], in_cluster: Api):
    _, server = pod
    server.says(accepts("one"))
    await in_cluster.get("/things")
    assert in_cluster.namespace == "wakedock"


async def test_a_token_that_kubelet_rotates_is_read_anew_within_a_minute(pod: tuple[Pod, Server], in_cluster: Api):
    made, server = pod
    server.says(accepts("one", "two"))
    await in_cluster.get("/things")
    made.rotate("two", after=61)
    await in_cluster.get("/things")
    assert server.tokens == ["one", "two"]


async def test_a_token_that_is_accepted_no_more_is_read_anew_at_once(pod: tuple[Pod, Server], in_cluster: Api):
    made, server = pod
    made.rotate("two", after=1)
    server.says(accepts("two"))
    await in_cluster.get("/things")
    assert server.tokens == ["one", "two"]


@pytest.mark.parametrize("empty", [True, False], ids=["empty", "missing"])
async def test_while_a_token_cannot_be_read_there_is_no_answer_and_then_there_is(
    pod: tuple[Pod, Server],
    in_cluster: Api,
    empty: bool,
):
    made, server = pod
    server.says(accepts("two"))
    made.rotate("", after=61)
    if not empty:
        made.token.unlink()
    with pytest.raises(Unavailable):
        await in_cluster.get("/things")
    made.rotate("two", after=1)
    await in_cluster.get("/things")


async def test_watches_that_stay_open_keep_no_request_waiting(tmp_path: Path):
    ended = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return page()(request)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(json.dumps(event("BOOKMARK", "6")).encode() + b"\n")
        await ended.wait()
        return response

    made = web.Application()
    made.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(made) as running, AsyncExitStack() as stack:
        address = str(running.make_url("/")).rstrip("/")
        connected = await connect(kubeconfig=kubeconfig(tmp_path, address, {"token": "one"}))
        stack.push_async_callback(connected.close)
        stack.callback(ended.set)
        # More than the official client has connections for by default.
        for _ in range(120):
            watch = await stack.enter_async_context(aclosing(connected.watch("/things", version="5", seconds=60)))
            assert (await anext(watch))[0] == "BOOKMARK"
        assert (await connected.get("/things"))["items"] == []


async def test_without_any_settings_it_is_said_what_to_name(tmp_path: Path):
    with pytest.raises(ConfigurationMistake, match="name one with --kubeconfig"):
        await connect(kubeconfig=tmp_path / "missing")
