import asyncio
import json
from contextlib import aclosing

import pytest
from aiohttp import StreamReader, web
from aiohttp.test_utils import TestClient, TestServer

from tests.activator.fake_gatekeeper import WEB, FakeGatekeeper, wake_service
from tests.activator.serving import Activator, activator
from wakedock_operator.activator.page.progress import ENDED, WAKING, ProgressHandler, events
from wakedock_operator.activator.questions import Granted, Phase, Progress
from wakedock_operator.activator.server import end_streams
from wakedock_operator.core.status import FailureReason
from wakedock_operator.resource import Key

STREAM = {"Accept": "text/event-stream", "X-Wakedock-Service": "default.web"}


async def next_event(stream: StreamReader) -> dict[str, str]:
    """One server-sent event as its fields."""
    fields: dict[str, str] = {}
    while True:
        line = (await stream.readline()).decode()
        assert line, "the stream ended"
        if line == "\r\n":
            return fields
        name, _, value = line.rstrip("\r\n").partition(": ")
        fields[name] = value


async def watch(served: Activator, path: str = "/.wakedock/progress"):
    return await served.session.get(f"http://activator{path}", headers=STREAM)


async def test_each_change_of_phase_is_an_event_in_order_and_ready_is_the_last():
    async with activator() as served:
        answer = await watch(served)
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        assert "Server" not in answer.headers
        seen = [await next_event(answer.content)]
        for progress in (
            Progress(Phase.STARTING, 1.23456, 8.0),
            Progress(Phase.STARTED, 2, 8.0),
            Progress(Phase.READY, 3, 8.0),
        ):
            await served.gatekeeper.advance(progress)
            event = await next_event(answer.content)
            while event["event"] == "heartbeat":
                event = await next_event(answer.content)
            seen.append(event)
        assert await answer.content.read() == b""
    assert {event["event"] for event in seen} == {"phase"}
    assert [json.loads(event["data"]) for event in seen] == [
        {"phase": "asked", "elapsed": 0.0, "typical": None, "failure": None},
        {"phase": "starting", "elapsed": 1.235, "typical": 8.0, "failure": None},
        {"phase": "started", "elapsed": 2, "typical": 8.0, "failure": None},
        {"phase": "ready", "elapsed": 3, "typical": 8.0, "failure": None},
    ]


async def test_a_failure_names_its_class_and_ends_the_stream():
    async with activator() as served:
        await served.gatekeeper.advance(Progress(Phase.FAILED, 1, failure=FailureReason.EXITED))
        answer = await watch(served)
        event = await next_event(answer.content)
        assert json.loads(event["data"]) == {"phase": "failed", "elapsed": 1, "typical": None, "failure": "Exited"}
        assert await answer.content.read() == b""


async def test_a_visitor_who_leaves_is_followed_no_longer():
    async with activator() as served:
        answer = await watch(served)
        await next_event(answer.content)
        assert served.gatekeeper.followers == 1
        answer.close()
        await served.gatekeeper.wait_until("not followers")
        assert served.gatekeeper.visits == []


async def test_whoever_asks_for_json_gets_one_document():
    async with activator() as served:
        await served.gatekeeper.advance(Progress(Phase.STARTING, 4.5, 9.0))
        answer = await served.get("/.wakedock/progress", {"Accept": "application/json"})
        assert answer.content_type == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert await answer.json() == {"phase": "starting", "elapsed": 4.5, "typical": 9.0, "failure": None}
        assert (served.gatekeeper.asked, served.gatekeeper.visits) == ([], [])


async def test_the_progress_of_a_service_nobody_knows_is_a_problem():
    async with activator() as served:
        served.gatekeeper.services.clear()
        answer = await served.get("/.wakedock/progress", STREAM)
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "asked,status",
    [
        pytest.param("default.web", 200, id="the service itself"),
        pytest.param("default.docs", 200, id="another one on the same host"),
        pytest.param("default.secret", 404, id="one on another host"),
        pytest.param("default.gone", 404, id="one nobody knows"),
        pytest.param("..%2f", 404, id="no service at all"),
    ],
)
async def test_services_that_share_a_host_are_asked_for_by_name(asked: str, status: int):
    docs = wake_service(Key("default", "docs"), paths=["/docs"])
    secret = wake_service(Key("default", "secret"), hosts=["secret.example.org"])
    async with activator(wake_service(), docs, secret) as served:
        answer = await served.get(f"/.wakedock/progress?service={asked}", {"Accept": "application/json"})
        assert answer.status == status


async def test_the_page_of_a_service_that_shares_its_host_asks_for_itself():
    docs = wake_service(Key("default", "docs"), paths=["/docs"])
    async with activator(wake_service(), docs) as served:
        own = await served.hold(accept="text/html")
        other = await served.hold(accept="text/html", x_wakedock_service="default.docs")
        assert 'data-progress="/.wakedock/progress"' in await own.text()
        assert 'data-progress="/.wakedock/progress?service=default.docs"' in await other.text()


@pytest.mark.looptime
async def test_while_the_app_wakes_the_elapsed_time_comes_between_the_phases():
    gatekeeper = FakeGatekeeper(wake_service())
    stream = events(gatekeeper, WEB, closing=asyncio.Event())
    async with aclosing(stream):
        assert await anext(stream) == ("phase", Progress(Phase.ASKED))
        gatekeeper.now = Progress(Phase.ASKED, 1.0)
        assert await anext(stream) == ("heartbeat", Progress(Phase.ASKED, 1.0))
        gatekeeper.now = Progress(Phase.ASKED, 2.0)
        assert await anext(stream) == ("heartbeat", Progress(Phase.ASKED, 2.0))
        await gatekeeper.advance(Progress(Phase.READY, 3.0))
        rest = [event async for event in stream]
    assert rest[-1] == ("phase", Progress(Phase.READY, 3.0))
    assert gatekeeper.followers == 0


@pytest.mark.looptime
async def test_nobody_is_told_the_time_while_the_app_sleeps():
    gatekeeper = FakeGatekeeper(wake_service())
    gatekeeper._changes = [Progress(Phase.ASLEEP)]
    stream = events(gatekeeper, WEB, closing=asyncio.Event())
    async with aclosing(stream):
        assert await anext(stream) == ("phase", Progress(Phase.ASLEEP))
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.wait({waiting}, timeout=3600)
        assert not waiting.done()
        await gatekeeper.advance(Progress(Phase.ASKED))
        assert await waiting == ("phase", Progress(Phase.ASKED))


async def test_the_same_phase_said_again_is_no_change():
    class Repeating(FakeGatekeeper):
        async def follow(self, key: Key):
            for phase in (Phase.ASLEEP, Phase.ASLEEP, Phase.ASKED, Phase.ASKED, Phase.READY):
                yield Progress(phase)

    stream = events(Repeating(wake_service()), WEB, closing=asyncio.Event())
    assert [(name, progress.phase) async for name, progress in stream] == [
        ("phase", Phase.ASLEEP),
        ("phase", Phase.ASKED),
        ("phase", Phase.READY),
    ]


async def test_a_server_that_closes_ends_every_stream():
    gatekeeper = FakeGatekeeper(wake_service())
    closing = asyncio.Event()
    stream = events(gatekeeper, WEB, closing=closing)
    await anext(stream)
    closing.set()
    assert [event async for event in stream] == []
    assert gatekeeper.followers == 0


async def test_a_stream_ends_when_there_is_nothing_to_follow_any_more():
    class Ending(FakeGatekeeper):
        async def follow(self, key: Key):
            yield Progress(Phase.ASKED)

    stream = events(Ending(wake_service()), WEB, closing=asyncio.Event())
    assert [event async for event in stream] == [("phase", Progress(Phase.ASKED))]


async def test_one_visitor_too_many_is_told_to_come_back():
    gatekeeper = FakeGatekeeper(wake_service())
    handler = ProgressHandler(gatekeeper, limit=1)
    ended = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler.handle(request)
        finally:
            ended.set()

    app = web.Application()
    app.router.add_get("/", handle)
    async with TestClient(TestServer(app, handler_cancellation=True)) as client:
        first = await client.get("/", headers=STREAM)
        await next_event(first.content)
        second = await client.get("/", headers=STREAM)
        assert second.status == 503
        assert second.headers["Retry-After"] == "10"
        ended.clear()
        first.close()
        await ended.wait()
        third = await client.get("/", headers=STREAM)
        assert third.status == 200
        third.close()
        await gatekeeper.wait_until("not followers")


async def test_streams_can_be_ended_while_the_activator_goes_on():
    async with activator() as served:
        answer = await watch(served)
        await next_event(answer.content)
        assert served.runner.app is not None
        end_streams(served.runner.app)
        assert await answer.content.read() == b""
        late = await watch(served)
        await late.content.read()
        served.gatekeeper.decide(Granted())
        assert (await served.hold()).status == 204


async def test_an_activator_that_shuts_down_ends_its_streams_cleanly():
    async with activator() as served:
        answer = await watch(served)
        await next_event(answer.content)
        await served.runner.cleanup()
        assert await answer.content.read() == b""


def test_every_phase_either_goes_on_or_ends_or_sleeps():
    assert {Phase.ASLEEP} == set(Phase) - WAKING - ENDED
    assert not WAKING & ENDED
