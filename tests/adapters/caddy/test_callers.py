"""Ports of the gateway that belong to one service each, through a real Caddy."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from tests.adapters.caddy.gateway import free_port, route, running_app
from wakedock_operator.adapters.caddy.callers import callers_server
from wakedock_operator.adapters.caddy.options import CaddyOptions, Tls
from wakedock_operator.core.routing import Callers, Ignore
from wakedock_operator.resource import Key

pytestmark = pytest.mark.caddy
WEB = Key("default", "web")


async def test_every_host_on_a_services_port_is_for_that_service(gateway, app, client):
    async with running_app("other") as other:
        ports = {"web": free_port(), "other": free_port(), "hostless": free_port()}
        await gateway.routed(
            route("web", "web.test", callers=Callers(ports["web"])),
            route("other", "other.test", "more.test", callers=Callers(ports["other"])),
            route("hostless", callers=Callers(ports["hostless"])),
        )
        gateway.edge.steer(WEB, app.address)
        gateway.edge.steer(Key("default", "other"), other.address)
        gateway.edge.steer(Key("default", "hostless"), app.address)
        for name, expected in (("web", "app"), ("other", "other"), ("hostless", "app")):
            for host in ("web.test", "wiki.team-a", "10.0.0.1:80"):
                async with client.get(f"http://127.0.0.1:{ports[name]}/a?b", headers={"Host": host}) as answer:
                    seen = await answer.json()
                assert (seen["app"], seen["path"], seen["headers"]["Host"]) == (expected, "/a?b", host)
        async with client.get(gateway.url, headers={"Host": "wiki.team-a"}) as answer:
            assert answer.status == 404


async def test_a_cold_request_on_a_services_port_is_held_and_counted_with_the_others(gateway, app, client):
    port = free_port()

    async def wake(request: web.BaseRequest) -> web.Response:
        gateway.edge.steer(WEB, app.address)
        return web.Response(status=204)

    gateway.activator.answer = wake
    await gateway.routed(route("web", "web.test", callers=Callers(port)))
    app.gate.clear()
    asking = [
        asyncio.create_task(client.post(url, data=b"x", headers={"Host": "web.test"}).__aenter__())
        for url in (f"http://127.0.0.1:{port}", gateway.url)
    ]
    while (await gateway.edge.in_flight()).of(WEB) != 2:
        await asyncio.sleep(0.01)
    app.gate.set()
    for answer in await asyncio.gather(*asking):
        assert (answer.status, (await answer.json())["method"]) == (200, "POST")
        answer.close()
    assert {question.headers["X-Wakedock-Service"] for question in gateway.activator.asked} == {"default.web"}


async def test_what_is_ignored_is_ignored_on_a_services_port_too(gateway, client):
    port = free_port()
    await gateway.routed(route("web", "web.test", callers=Callers(port), ignore=Ignore(paths=("/ping",), status=418, body="asleep")))
    async with client.get(f"http://127.0.0.1:{port}/ping") as answer:
        assert (answer.status, await answer.text()) == (418, "asleep")
    assert gateway.activator.asked == []


@pytest.mark.parametrize("networks, status", [(("127.0.0.0/8",), 200), (("192.0.2.0/24", "2001:db8::/32"), 403)])
async def test_networks_limit_who_may_call(gateway, app, client, networks: tuple[str, ...], status: int):
    port = free_port()
    await gateway.routed(route("web", "web.test", callers=Callers(port, networks)))
    gateway.edge.steer(WEB, app.address)
    async with client.get(f"http://127.0.0.1:{port}/", headers={"X-Forwarded-For": "192.0.2.1"}) as answer:
        assert answer.status == status
    async with client.get(gateway.url, headers={"Host": "web.test"}) as answer:
        assert answer.status == 200


async def test_wakedocks_own_pages_speak_for_the_service_of_the_port(gateway, client):
    port = free_port()
    await gateway.routed(route("web", "web.test", callers=Callers(port)), route("other", "other.test"))
    async with client.get(f"http://127.0.0.1:{port}/.wakedock/progress", headers={"Host": "other.test"}) as answer:
        assert answer.status == 204
    assert gateway.activator.asked[0].headers["X-Wakedock-Service"] == "default.web"


async def is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def test_a_port_that_is_given_back_is_closed_and_the_rest_goes_on(gateway, app, client):
    port, kept = free_port(), free_port()
    await gateway.routed(route("web", "web.test", callers=Callers(port)), route("other", callers=Callers(kept)))
    await gateway.routed(route("web", "web.test"), route("other", callers=Callers(kept)))
    gateway.edge.steer(Key("default", "other"), app.address)
    # Caddy has begun to close it when the new routes are in force, and is not always done with that.
    async with asyncio.timeout(10):
        while await is_open(port):
            await asyncio.sleep(0.01)
    async with client.get(f"http://127.0.0.1:{kept}/") as answer:
        assert answer.status == 200


@pytest.mark.caddy_options(tls=Tls.INTERNAL)
async def test_with_tls_on_the_hosts_the_services_ports_have_none(gateway, app, client):
    port = free_port()
    await gateway.routed(route("web", "web.test", callers=Callers(port)))
    gateway.edge.steer(WEB, app.address)
    async with client.get(f"http://127.0.0.1:{port}/") as answer:
        assert (await answer.json())["app"] == "app"


def test_a_port_is_found_digit_by_digit(options: CaddyOptions):
    routes = [route(f"web-{number}", callers=Callers(20_000 + number)) for number in range(1_000)]
    server = callers_server(options, routes, 60, before=[])
    assert server is not None
    assert callers_server(options, [route("web", "web.test")], 60, before=[]) is None

    def deepest(handled: list[dict[str, Any]]) -> int:
        tried = 0
        for each in handled:
            for nested in each.get("handle", []):
                if nested["handler"] == "subroute" and any("vars_regexp" in m for r in nested["routes"] for m in r.get("match", [])):
                    tried = max(tried, len(nested["routes"]) + deepest(nested["routes"]))
        return tried

    assert deepest([server["named_routes"]["services"]]) <= 3 * 11
