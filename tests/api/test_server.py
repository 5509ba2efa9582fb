"""The control API over HTTP: answers, problems, streams, listeners."""

import asyncio
import json
import stat
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, unused_port

from tests.api.world import ASKER, HELLO, NOW, World, failed
from wakedock_operator.api import Gate, Health, build_api, serve_address, serve_socket
from wakedock_operator.api.problems import TYPE_BASE
from wakedock_operator.core.status import Serving, WakeReason
from wakedock_operator.ports.catalog import Problem
from wakedock_operator.ports.journal import Event, EventKind
from wakedock_operator.resource import Key

Client = TestClient[web.Request, web.Application]

TOKEN = "correct-horse-battery"
HELLO_URL = "/api/v1/services/default/hello"


async def problem(response: aiohttp.ClientResponse, status: int, name: str) -> str:
    """Check that it is this problem; returns its detail."""
    assert (response.status, response.content_type) == (status, "application/problem+json")
    document = await response.json()
    assert (document["type"], document["status"]) == (TYPE_BASE + name, status)
    detail: str = document["detail"]
    return detail


async def test_all_services_are_listed_by_name(client: Client, world: World):
    world.catalog.define("alpha")
    await world.show()
    response = await client.get("/api/v1/services")
    services = (await response.json())["services"]
    assert [(service["name"], service["state"]) for service in services] == [("alpha", "asleep"), ("hello", "awake")]
    assert services[1]["idleTimeout"] == "5m"


async def test_one_service_is_told_closely(client: Client, world: World):
    await world.show(woken_by=WakeReason.REQUEST, asker=ASKER)
    detail = await (await client.get(HELLO_URL)).json()
    assert detail["wokenBy"]["userAgent"] == "curl/8"
    assert detail["source"].endswith("hello.yaml:1")


@pytest.mark.parametrize("path", ["", "/logs", "/events"])
async def test_an_unknown_service_is_a_problem_that_names_the_known_ones(client: Client, path: str):
    detail = await problem(await client.get(f"/api/v1/services/default/helo{path}"), 404, "unknown-service")
    assert "default/hello" in detail


async def test_a_service_whose_definition_was_never_good_is_a_problem_that_says_why(client: Client, world: World):
    world.catalog.problems = (Problem("a.yaml", "a.yaml:3: spec.hosst: this field does not exist", Key("default", "broken")),)
    detail = await problem(await client.get("/api/v1/services/default/broken"), 404, "unknown-service")
    assert detail.endswith("a.yaml:3: spec.hosst: this field does not exist")


async def test_a_name_that_cannot_be_is_a_problem(client: Client):
    await problem(await client.get("/api/v1/services/default/He%20llo"), 404, "unknown-service")


@pytest.mark.parametrize("method, path", [("GET", "/nowhere"), ("GET", "/api/v2/services")])
async def test_an_unknown_path_is_a_problem(client: Client, method: str, path: str):
    await problem(await client.request(method, path), 404, "not-found")


async def test_a_wrong_method_is_a_problem_that_names_the_right_ones(client: Client):
    response = await client.get(f"{HELLO_URL}/wake")
    await problem(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == "POST"


async def test_a_mistake_of_wakedock_is_a_problem_without_its_inside(world: World):

    world.health = None  # type: ignore[assignment]
    async with TestClient(TestServer(build_api(world.ports()))) as client:
        detail = await problem(await client.get("/health"), 500, "internal")
    assert "NoneType" not in detail


# Steering


async def test_a_wake_records_a_new_wish_and_says_its_token(client: Client, world: World):
    first = await client.post(f"{HELLO_URL}/wake")
    asked = await first.json()
    assert (first.status, asked["service"]["state"]) == (202, "waking")
    assert world.catalog.entries[HELLO].wishes.wake == asked["token"] == str(uuid.UUID(asked["token"]))
    second = await (await client.post(f"{HELLO_URL}/wake")).json()
    assert second["token"] != asked["token"]


async def test_a_sleep_records_a_new_wish(client: Client, world: World):
    asked = await (await client.post(f"{HELLO_URL}/sleep")).json()
    assert world.catalog.entries[HELLO].wishes.sleep == asked["token"] != ""


async def test_a_sleep_is_refused_while_a_dependant_is_pinned(client: Client, world: World):
    world.catalog.define("web", dependsOn=["hello"])
    assert (await client.post("/api/v1/services/default/web/pin", json={"for": "1h"})).status == 202
    detail = await problem(await client.post(f"{HELLO_URL}/sleep"), 409, "pinned")
    assert "default/web depends on default/hello" in detail


async def test_a_pin_keeps_awake_until_its_time_and_can_be_taken_off(client: Client, world: World):
    asked = await (await client.post(f"{HELLO_URL}/pin", json={"for": "1h30m"})).json()
    assert asked["token"] == asked["warning"] == ""
    assert world.catalog.entries[HELLO].wishes.keep_awake_until == NOW + timedelta(minutes=90)
    detail = await problem(await client.post(f"{HELLO_URL}/sleep"), 409, "pinned")
    assert "2026-03-02T13:30:00+00:00" in detail
    unpinned = await (await client.delete(f"{HELLO_URL}/pin")).json()
    assert unpinned["service"]["pin"] is None
    assert (await client.post(f"{HELLO_URL}/sleep")).status == 202


async def test_a_pin_that_cannot_be_written_down_is_in_force_with_a_warning(client: Client, world: World):
    world.catalog.disk_full = True
    asked = await (await client.post(f"{HELLO_URL}/pin", json={"for": "2h"})).json()
    assert "No space left" in asked["warning"]
    assert asked["service"]["pin"] is not None


@pytest.mark.parametrize(
    "body, said",
    [
        ({}, "for: this field is needed"),
        ({"for": "2 hours"}, "is not a duration"),
        ({"for": "0s"}, "longer than 0s"),
        ({"for": "9000h"}, "8784h at most"),
        ({"for": "2h", "until": "tomorrow"}, "until: this field does not exist"),
        ([], "object"),
    ],
    ids=["nothing", "words", "no time", "for good", "more than it takes", "a list"],
)
async def test_a_wrong_pin_is_explained(client: Client, body: Any, said: str):
    assert said in await problem(await client.post(f"{HELLO_URL}/pin", json=body), 400, "malformed-request")


@pytest.mark.parametrize("what, body", [("wake", None), ("pin", {"for": "2h"})])
async def test_a_suspended_service_is_neither_woken_nor_pinned(client: Client, world: World, what: str, body: Any):
    world.catalog.define("hello", suspend=True)
    assert "suspend" in await problem(await client.post(f"{HELLO_URL}/{what}", json=body), 409, "suspended")


@pytest.mark.parametrize("what", ["wake", "sleep", "pin"])
async def test_a_service_that_is_ending_cannot_be_steered(client: Client, world: World, what: str):
    await world.show()
    del world.catalog.entries[HELLO]
    await problem(await client.post(f"{HELLO_URL}/{what}", json={"for": "2h"}), 404, "unknown-service")


# History and logs


async def test_the_history_outlives_its_service(client: Client, world: World):
    world.journal.record(Event(NOW, Key("default", "gone"), EventKind.REMOVED))
    answer = await client.get("/api/v1/services/default/gone/events")
    assert [event["kind"] for event in (await answer.json())["events"]] == ["Removed"]


async def test_events_are_found_by_service_and_kind(client: Client, world: World):
    other = world.catalog.define("other")
    world.journal.record(Event(NOW, HELLO, EventKind.WOKE, "Request", asker=ASKER, phases={"asked": 0, "granted": 1.23456}))
    world.journal.record(Event(NOW, other, EventKind.SLEPT, "Idle"))
    everything = (await (await client.get("/api/v1/events")).json())["events"]
    assert [event["service"] for event in everything] == ["default/other", "default/hello"]
    assert everything[1]["asker"]["client"] == "10.0.0.7"
    assert everything[1]["phases"]["granted"] == 1.235
    assert len((await (await client.get("/api/v1/events?kind=Slept&limit=5")).json())["events"]) == 1
    assert len((await (await client.get(f"{HELLO_URL}/events")).json())["events"]) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/events?kind=Sang",
        "/api/v1/events?limit=0",
        "/api/v1/events?limit=many",
        f"{HELLO_URL}/logs?follow=yes",
        f"{HELLO_URL}/logs?lines=99999999999999999999",
    ],
)
async def test_a_wrong_parameter_is_a_problem(client: Client, path: str):
    await problem(await client.get(path), 400, "malformed-request")


async def test_unreadable_history_is_no_empty_history(world: World, monkeypatch: pytest.MonkeyPatch):
    async def unreadable(**_: object) -> None:
        raise OSError("the history in /data cannot be read: disk I/O error")

    monkeypatch.setattr(world.journal, "events", unreadable)
    async with TestClient(TestServer(build_api(world.ports()))) as client:
        assert "disk I/O error" in await problem(await client.get("/api/v1/events"), 503, "history-unreadable")
        assert (await client.get(HELLO_URL)).status == 200


async def test_logs_are_lines_of_text(client: Client, world: World):
    await problem(await client.get(f"{HELLO_URL}/logs"), 404, "unknown-service")
    await world.workloads.ensure(world.catalog.entries[HELLO].service, "uid-hello")
    world.workloads.write(HELLO, "one", "two <b>", "three")
    response = await client.get(f"{HELLO_URL}/logs?lines=2")
    assert (response.content_type, await response.text()) == ("text/plain", "two <b>\nthree\n")


async def test_logs_are_followed_line_by_line(client: Client, world: World):
    await world.workloads.ensure(world.catalog.entries[HELLO].service, "uid-hello")
    world.workloads.write(HELLO, "one")
    async with client.get(f"{HELLO_URL}/logs?follow=true") as response:
        assert await response.content.readline() == b"one\n"
        world.workloads.write(HELLO, "two")
        assert await response.content.readline() == b"two\n"


# Watching


async def stream(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    event = ""
    async for raw in response.content:
        line = raw.decode().rstrip("\r\n")
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield event, json.loads(line.removeprefix("data: "))


async def test_a_watcher_sees_every_service_then_every_change(client: Client, world: World):
    status = await world.show()
    async with client.get("/api/v1/watch") as response:
        assert response.content_type == "text/event-stream"
        changes = stream(response)
        event, service = await anext(changes)
        assert (event, service["name"], service["state"]) == ("service", "hello", "awake")
        assert await anext(changes) == ("synced", {})
        await world.show(serving=Serving.ASLEEP, drain=failed())
        assert (await anext(changes))[1]["state"] == "failed"
        world.catalog.define("new")
        assert (await anext(changes))[1]["name"] == "new"
        await world.board.remove(HELLO, status.uid)
        assert (await anext(changes))[1]["since"] is None
        await world.catalog.forget(HELLO, status.uid)
        assert await anext(changes) == ("gone", {"namespace": "default", "name": "hello"})


async def test_a_watcher_of_one_service_sees_nothing_else(client: Client, world: World):
    world.catalog.define("other")
    async with client.get("/api/v1/watch?service=default/hello") as response:
        changes = stream(response)
        assert (await anext(changes))[1]["name"] == "hello"
        assert (await anext(changes))[0] == "synced"
        world.catalog.define("other", suspend=True)
        await world.show()
        assert (await anext(changes))[1]["state"] == "awake"


async def test_a_wrong_name_to_watch_is_a_problem(client: Client):
    await problem(await client.get("/api/v1/watch?service=a/b/c"), 400, "malformed-request")


async def test_a_watcher_that_leaves_leaves_nothing_behind(world: World):
    app = build_api(world.ports())
    async with TestClient(TestServer(app, handler_cancellation=True)) as client:
        async with client.get("/api/v1/watch") as response:
            await anext(stream(response))
            [task] = [t for t in asyncio.all_tasks() if "announce_statuses" in repr(t)]
        await asyncio.wait([task])
    assert not world.board._changes._readers
    assert not world.catalog._changes._readers


# The system


async def test_health_says_why_not(client: Client, world: World):
    healthy = await client.get("/health")
    assert (healthy.status, await healthy.json()) == (200, {"live": True, "ready": True, "reasons": []})
    assert [(answer.status, await answer.read()) for answer in [await client.head("/health")]] == [(200, b"")]
    world.health = Health(live=True, ready=False, reasons=("Caddy does not answer",))
    sick = await client.get("/health")
    assert (await client.head("/health")).status == sick.status
    assert (sick.status, (await sick.json())["reasons"]) == (503, ["Caddy does not answer"])


async def test_metrics_are_prometheus_text(client: Client, world: World):
    world.metrics.held(3)
    response = await client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "wakedock_held 3.0" in await response.text()


async def test_the_overview_counts_states_and_names_problems(client: Client, world: World):
    await world.show()
    world.catalog.define("other")
    world.catalog.problems = (Problem("/etc/services/x.yaml:3", "spec.hosst: this field does not exist"),)
    world.catalog.unreadable = ("/mnt/away",)
    overview = await (await client.get("/api/v1/system/overview")).json()
    assert (overview["services"]["awake"], overview["services"]["asleep"], overview["services"]["failed"]) == (1, 1, 0)
    assert overview["problems"][0]["source"] == "/etc/services/x.yaml:3"
    assert overview["unreadable"] == ["/mnt/away"]


async def test_the_overview_names_what_goes_on_by_its_last_good_definition_once(client: Client, world: World):
    world.catalog.define("hello")
    broken = "hello.yaml:4: spec.hosst: this field does not exist"
    world.catalog.entries[HELLO] = replace(world.catalog.entries[HELLO], problem=broken)
    overview = await (await client.get("/api/v1/system/overview")).json()
    assert [each["message"] for each in overview["problems"]] == [f"{broken} (default/hello is served all the same)"]
    world.catalog.problems = (Problem("hello.yaml", f"default/hello: {broken}"),)
    overview = await (await client.get("/api/v1/system/overview")).json()
    assert [each["message"] for each in overview["problems"]] == [f"default/hello: {broken}"]


async def test_the_overview_names_an_unreadable_folder_once_and_not_for_each_of_its_services(client: Client, world: World):
    for name in ("hello", "other"):
        world.catalog.define(name, problem=f"/etc/services/{name}.yaml cannot be read: Permission denied")
    world.catalog.unreadable = ("/etc/services",)
    world.catalog.problems = (Problem("/etc/services", "/etc/services cannot be read: Permission denied"),)
    overview = await (await client.get("/api/v1/system/overview")).json()
    assert [each["source"] for each in overview["problems"]] == ["/etc/services"]


# Listeners


async def test_the_socket_is_its_owners_alone_and_a_stale_one_is_replaced(world: World, runtime_dir: Path):
    path = runtime_dir / "control.sock"
    path.write_text("left behind")
    async with serve_socket(world.ports(), path):
        assert stat.filemode(path.stat().st_mode) == "srw-------"
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
            session.get("http://any.name/health") as answer,
        ):
            assert answer.status == 200
    assert list(runtime_dir.iterdir()) == []


async def test_the_end_of_the_server_ends_its_streams(world: World, runtime_dir: Path):
    path = runtime_dir / "control.sock"
    async with AsyncExitStack() as client:
        async with serve_socket(world.ports(), path):
            session = await client.enter_async_context(aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))))
            response = await client.enter_async_context(session.get("http://localhost/api/v1/watch"))
            await anext(stream(response))
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.content.read()


async def test_on_an_address_the_token_opens_everything_and_its_lack_nothing_but_health(world: World):
    port = unused_port()
    async with (
        serve_address(world.ports(), Gate("127.0.0.1", loopback=False, token=TOKEN), port),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        async with session.get("/health") as healthy:
            assert healthy.status == 200
        for given in ("", "Bearer wrong", TOKEN, f"Basic {TOKEN}"):
            async with session.get("/metrics", headers={"Authorization": given}) as refused:
                await problem(refused, 401, "unauthenticated")
                assert refused.headers["WWW-Authenticate"] == "Bearer"
        for method, path, status in (("GET", "/metrics", 200), ("POST", f"{HELLO_URL}/wake", 202)):
            async with session.request(method, path, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
                assert answer.status == status


def test_outside_loopback_there_is_no_api_without_a_token():
    with pytest.raises(ValueError, match="every interface without a token"):
        Gate("", loopback=False)


@pytest.fixture
async def local(world: World) -> AsyncIterator[Client]:
    async with TestClient(TestServer(build_api(world.ports(), gate=Gate("127.0.0.1", loopback=True)))) as made:
        yield made


@pytest.mark.parametrize(
    "host, status", [("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("evil.example", 403), ("[", 403), ("", 403)]
)
async def test_on_loopback_only_its_own_names_are_answered(local: Client, host: str, status: int):
    assert (await local.get("/health", headers={"Host": host})).status == status


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 202),
        ({"Origin": "http://localhost:7", "Host": "localhost:7"}, 202),
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
    ],
)
async def test_a_page_of_another_site_cannot_steer(local: Client, headers: dict[str, str], status: int):
    assert (await local.post(f"{HELLO_URL}/wake", headers=headers)).status == status
