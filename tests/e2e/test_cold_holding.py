"""Clients that come all at once, leave, close their half or send ahead while they are held, and grants that come too late."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from tests.e2e.connection import ask, connected
from tests.e2e.standing import APPS, Plan, Standing, standing

pytestmark = [pytest.mark.e2e, pytest.mark.caddy, pytest.mark.asyncio(loop_scope="module")]

CLIENTS = 1000
APPLIES = 'wakedock_caddy_applies_total{outcome="accepted"}'


def services(plan: Plan) -> None:
    plan.service(
        "crowd", app={"command": [sys.executable, "-m", "http.server", "$(PORT)", "--bind", "127.0.0.1", "--directory", str(plan.folder)]}
    )
    for name in ("left", "left-uploading", "left-sending-ahead", "half-closed", "overtaken"):
        plan.gated(name)
    plan.gated("few", wake={"maxHeld": 2})
    plan.echo("other")
    plan.service("socket", app={"command": [sys.executable, "-I", str(APPS / "websocket_app.py")]})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand() -> AsyncIterator[Standing]:
    async with standing(services) as stand:
        yield stand


async def test_a_thousand_clients_at_once_make_one_start_and_all_are_answered(stand):
    answers = await asyncio.gather(*(ask(stand.port, "crowd.test", f"/?{number}") for number in range(CLIENTS)))
    assert [answer.status for answer in answers] == [200] * CLIENTS
    assert all(b"Directory listing" in answer.body for answer in answers)
    assert await stand.metric('wakedock_wakes_total{cause="Request",name="crowd",namespace="default",outcome="awake"}') == 1


async def test_a_client_that_leaves_frees_its_place(stand):
    async with connected(stand.port) as connection:
        await connection.begin("GET", "/gone", host="left.test")
        await connection.finish()
        await stand.until_held(1)
    await stand.until_held(0)
    stand.gates["left"].open()
    assert (await ask(stand.port, "left.test", "/stayed")).status == 200
    assert [line["path"] for line in stand.noted("left", event="request") if line["path"] != "/"] == ["/stayed"]
    assert stand.starts("left") == 1


async def test_a_client_that_leaves_an_unread_upload_keeps_its_place_until_the_hold_ends(stand):
    async with connected(stand.port) as connection:
        await connection.begin("POST", "/gone", host="left-uploading.test", headers=[("Content-Length", "4")])
        await connection.send(b"body")
        await stand.until_held(1)
    other = asyncio.create_task(ask(stand.port, "left-uploading.test", "/stayed"))
    await stand.until_held(2)
    stand.gates["left-uploading"].open()
    assert (await other).status == 200
    await stand.until_held(0)
    paths = [line["path"] for line in stand.noted("left-uploading", event="request")]
    assert paths.count("/stayed") == 1
    assert paths.count("/gone") <= 1


async def test_no_more_are_held_than_the_service_allows(stand):
    held = [asyncio.create_task(ask(stand.port, "few.test", f"/{number}")) for number in range(2)]
    await stand.until_held(2)
    for body in (None, b"body"):
        refused = await ask(stand.port, "few.test", "/refused", "POST", body=body)
        assert refused.status == 503
        assert refused.json()["type"].endswith("/too-many-held")
    stand.gates["few"].open()
    assert [(await answer).status for answer in held] == [200, 200]
    assert sorted(line["path"] for line in stand.noted("few", event="request") if line["path"] != "/") == ["/0", "/1"]


async def test_no_more_are_held_than_the_gateway_allows_for_all_services_together():
    def services(plan: Plan) -> None:
        plan.gated("first")
        plan.echo("second")

    async with standing(services, "--max-held-total", "1") as stand:
        held = asyncio.create_task(ask(stand.port, "first.test"))
        await stand.until_held(1)
        refused = await ask(stand.port, "second.test")
        assert (refused.status, refused.json()["type"].rpartition("/")[2]) == (503, "too-many-held")
        stand.gates["first"].open()
        assert (await held).status == 200
        assert (await ask(stand.port, "second.test")).status == 200


async def test_a_client_that_sends_ahead_and_leaves_is_served_once_at_most(stand):
    async with connected(stand.port) as connection:
        for number in range(2):
            connection.writer.write(f"POST /{number} HTTP/1.1\r\nHost: left-sending-ahead.test\r\nContent-Length: 4\r\n\r\nbody".encode())
        await stand.until_held(1)
    stand.gates["left-sending-ahead"].open()
    assert (await ask(stand.port, "left-sending-ahead.test", "/stayed")).status == 200
    await stand.until_held(0)
    paths = [line["path"] for line in stand.noted("left-sending-ahead", event="request")]
    assert paths.count("/0") <= 1
    assert paths.count("/1") <= 1


async def test_a_client_that_closes_its_sending_half_frees_its_place(stand):
    async with connected(stand.port) as connection:
        await connection.begin("GET", "/half", host="half-closed.test")
        await connection.finish()
        await stand.until_held(1)
        connection.writer.write_eof()
        answer = await connection.reader.read()
    await stand.until_held(0)
    assert answer.startswith(b"HTTP/1.1 499")
    stand.gates["half-closed"].open()
    assert (await ask(stand.port, "half-closed.test", "/stayed")).status == 200
    assert "/half" not in [line["path"] for line in stand.noted("half-closed", event="request")]


async def test_a_grant_that_a_sleep_overtakes_is_held_again_and_served_once(stand):
    """Caddy is frozen between the activator's answer and its dial; meanwhile the service is awake, and told to sleep."""
    caddy = psutil.Process(stand.installation.caddy_pid())
    request = asyncio.create_task(ask(stand.port, "overtaken.test", "/once", "POST", body=b"body"))
    await stand.until_held(1)
    caddy.send_signal(signal.SIGSTOP)
    try:
        stand.gates["overtaken"].open()
        await stand.installation.until_serving("overtaken", "Awake")
        assert await stand.held() == 0
        await stand.installation.ask("overtaken", "sleep")
        await stand.installation.until_serving("overtaken", "Draining")
        await stand.installation.until("overtaken", lambda _: stand.steering("overtaken").endswith("/asleep"))
    finally:
        caddy.send_signal(signal.SIGCONT)
    await stand.until_held(1)
    stand.gates["overtaken"].open()
    assert (await request).status == 200
    assert [line["path"] for line in stand.noted("overtaken", event="request") if line["path"] != "/"] == ["/once"]
    assert stand.starts("overtaken") == 2


async def test_a_websocket_outlives_what_happens_to_other_services(stand):
    from websockets.asyncio.client import connect
    from websockets.typing import Subprotocol

    async with connect("ws://socket.test/", subprotocols=[Subprotocol("chat")], host="127.0.0.1", port=stand.port, proxy=None) as websocket:
        await websocket.recv()
        for _ in range(3):
            assert (await ask(stand.port, "other.test")).status == 200
            await stand.sleep("other")
        applies = await stand.metric(APPLIES)
        stand.installation.define("added", hosts=["added.test"], app={"command": ["sleep", "1h"]}, suspend=True)
        # Not by asking for it: a reload of Caddy may cut a request that it has just accepted.
        while await stand.metric(APPLIES) == applies:
            pass
        assert (await ask(stand.port, "added.test")).status == 503
        await websocket.send("still here")
        assert await websocket.recv() == "still here"
