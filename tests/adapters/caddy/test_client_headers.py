"""What a client may not say about itself."""

from dataclasses import replace

import aiohttp
import pytest

from tests.adapters.caddy.gateway import route
from wakedock_operator.adapters.caddy.edge import CaddyEdge
from wakedock_operator.resource import Key

pytestmark = pytest.mark.caddy

FORGED = {
    "cf-connecting-ip": "6.6.6.6",
    "forwarded": "for=6.6.6.6",
    "remote-user": "admin",
    "true-client-ip": "6.6.6.6",
    "x-client-ip": "6.6.6.6",
    "x-forwarded-email": "admin@example.org",
    "x-forwarded-groups": "admins",
    "x-forwarded-port": "443",
    "x-forwarded-prefix": "/evil",
    "x-forwarded-server": "evil",
    "x-forwarded-user": "admin",
    "x-original-url": "/admin",
    "x-real-ip": "6.6.6.6",
    "x-remote-user": "admin",
    "x-wakedock-service": "default.other",
}
OWN = {"x-api-key": "mine", "x-request-id": "7", "authorization": "Bearer mine", "cookie": "a=b"}


@pytest.fixture
async def seen(gateway, app, client):
    async def seen(headers: dict[str, str]) -> dict[str, str]:
        await gateway.routed(route("web", "a.test"))
        gateway.edge.steer(Key("default", "web"), app.address)
        async with client.get(gateway.url, headers={"Host": "a.test"} | headers) as answer:
            document = await answer.json()
        return {name.lower(): value for name, value in document["headers"].items()}

    return seen


async def test_headers_that_only_a_proxy_may_set_are_stripped_and_the_clients_own_pass(seen):
    headers = await seen(FORGED | OWN | {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil"})
    assert {name: value for name, value in headers.items() if name in FORGED} == {}
    assert {name: value for name, value in headers.items() if name in OWN} == OWN
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == "a.test"


@pytest.mark.caddy_options(trusted_proxies=("127.0.0.0/8",))
async def test_a_trusted_proxy_is_believed(seen):
    headers = await seen(FORGED | {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"})
    assert {name: value for name, value in headers.items() if name in FORGED} == FORGED
    assert headers["x-forwarded-for"] == "192.0.2.7, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"


@pytest.mark.caddy_options(trusted_proxies=("10.0.0.0/8",))
async def test_a_peer_that_is_no_trusted_proxy_is_not(seen):
    headers = await seen(FORGED)
    assert {name: value for name, value in headers.items() if name in FORGED} == {}


@pytest.mark.caddy_options(trusted_proxies=("127.0.0.0/8",))
async def test_the_hold_names_the_client_behind_a_trusted_proxy(gateway, client):
    from aiohttp import web

    async def refuse(request):
        return web.Response(status=503)

    gateway.activator.answer = refuse
    await gateway.routed(route("web", "a.test"))
    forwarded = {"Host": "a.test", "X-Forwarded-For": "6.6.6.6, 192.0.2.7"}
    async with client.get(gateway.url, headers=forwarded | FORGED) as answer:
        assert answer.status == 503
    question = gateway.activator.asked[0]
    assert question.headers["X-Wakedock-Client"] == "192.0.2.7"
    assert question.headers["X-Wakedock-Service"] == "default.web"
    assert not {name.lower() for name in question.headers} & (set(FORGED) - {"x-wakedock-service"})


@pytest.mark.parametrize("trusted", [(), ("unix",)])
async def test_a_peer_on_a_unix_socket_is_believed_only_when_told_so(options, app, trusted):
    path = options.runtime / "front.sock"
    edge = CaddyEdge(replace(options, listen=(f"unix/{path}",), trusted_proxies=trusted))
    await edge.start()
    try:
        await edge.apply([route("web", "a.test")], longest_wake=60)
        edge.steer(Key("default", "web"), app.address)
        headers = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "X-Real-IP": "192.0.2.7"}
        client = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)))
        async with client, client.get("http://a.test/", headers=headers) as answer:
            assert answer.status == 200
            seen = {name.lower(): value for name, value in (await answer.json())["headers"].items()}
    finally:
        await edge.stop()
    assert seen.get("x-real-ip") == ("192.0.2.7" if trusted else None)
    assert seen.get("x-forwarded-for", "").startswith("192.0.2.7") is bool(trusted)
    assert (seen.get("x-forwarded-proto") == "https") is bool(trusted)


@pytest.mark.caddy_options(trusted_proxies=("127.0.0.0/8",))
@pytest.mark.parametrize("offer", ["h2c", "H2C", "websocket, h2c"])
async def test_nobody_gets_a_tunnel_to_an_app(seen, offer: str):
    """Through HTTP/2 inside a connection of HTTP/1.1 a client could say all of the above."""
    headers = await seen({"Connection": "Upgrade, HTTP2-Settings", "Upgrade": offer, "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA"})
    assert not {"upgrade", "http2-settings"} & headers.keys()
