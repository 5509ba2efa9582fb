"""The way of a request through a real Caddy: held while nobody answers, then to the app."""

import json
from urllib.parse import unquote_plus

import pytest
from aiohttp import web

from tests.adapters.caddy.gateway import route
from wakedock_operator.resource import Key

pytestmark = pytest.mark.caddy
WEB = Key("default", "web")


async def test_a_cold_request_is_held_and_a_grant_leads_it_to_the_app(gateway, app, client):
    async def wake(request: web.BaseRequest) -> web.Response:
        gateway.edge.steer(WEB, app.address)
        return web.Response(status=204)

    gateway.activator.answer = wake
    await gateway.routed(route("web", "web.test"))
    async with client.post(f"{gateway.url}/a%0Ab?q=1", data=b"x" * 100_000, headers={"Host": "web.test"}) as answer:
        assert answer.status == 200
        seen = await answer.json()
    assert (seen["method"], seen["path"], seen["body"], seen["headers"]["Host"]) == ("POST", "/a%0Ab?q=1", 100_000, "web.test")
    question = gateway.activator.asked[0]
    assert question.method == "GET"
    assert question.path == f"/hold/{question.headers['X-Wakedock-Request']}"
    assert question.headers["X-Wakedock-Service"] == "default.web"
    assert question.headers["X-Wakedock-Method"] == "POST"
    assert unquote_plus(question.headers["X-Wakedock-Path"]) == "/a\nb"
    assert question.headers["X-Wakedock-Client"] == "127.0.0.1"


async def test_an_unknown_host_gets_404_without_a_question(gateway, client):
    await gateway.routed(route("web", "web.test"))
    async with client.get(gateway.url, headers={"Host": "other.test"}) as answer:
        assert (answer.status, await answer.read()) == (404, b"")
    assert gateway.activator.asked == []


async def test_a_refused_answer_reaches_the_client_and_ends_the_connection_of_an_unread_body(gateway, client):
    async def refuse(request: web.BaseRequest) -> web.Response:
        return web.Response(status=503, text=json.dumps({"state": "failed"}), content_type="application/problem+json")

    gateway.activator.answer = refuse
    await gateway.routed(route("web", "web.test"))
    async with client.post(gateway.url, data=b"x", headers={"Host": "web.test"}) as answer:
        assert (answer.status, answer.headers["Connection"], await answer.json()) == (503, "close", {"state": "failed"})
    async with client.get(gateway.url, headers={"Host": "web.test"}) as answer:
        assert (answer.status, answer.headers.get("Connection")) == (503, None)
        assert "Server" not in answer.headers or "aiohttp" not in answer.headers["Server"]
