"""Requests that neither wake nor keep awake."""

import pytest

from tests.adapters.caddy.gateway import route
from wakedock_operator.core.routing import Ignore
from wakedock_operator.resource import Key

pytestmark = pytest.mark.caddy
WEB = Key("default", "web")

RULES = Ignore(
    user_agents=("UptimeRobot", "Probe (v1.0)+"),
    paths=("/healthz", "/a.b"),
    methods=("OPTIONS",),
    cidrs=("203.0.113.0/24", "2001:db8::/32"),
)


def ignored_requests():
    return [
        pytest.param(("GET", "/", {"User-Agent": "Mozilla/5.0 (compatible; uptimerobot/2.0)"}), id="a part of the user agent, in any case"),
        pytest.param(("POST", "/", {"User-Agent": "probe (V1.0)+"}), id="a part with signs of regular expressions"),
        pytest.param(("GET", "/healthz", {}), id="a path"),
        pytest.param(("GET", "/healthz/live?x=1", {}), id="below a path"),
        pytest.param(("OPTIONS", "/", {}), id="a method"),
        pytest.param(("GET", "/", {"X-Forwarded-For": "203.0.113.9"}), id="a network behind a trusted proxy"),
    ]


def counted_requests():
    return [
        pytest.param(("GET", "/", {"User-Agent": "Mozilla/5.0"}), id="another user agent"),
        pytest.param(("GET", "/", {"User-Agent": "Probe (v1x0)+"}), id="a dot that is no dot"),
        pytest.param(("GET", "/healthzy", {}), id="a longer path"),
        pytest.param(("GET", "/axb", {}), id="a path that matches only as an expression"),
        pytest.param(("GET", "/", {"X-Forwarded-For": "198.51.100.9"}), id="another network"),
    ]


@pytest.mark.caddy_options(trusted_proxies=("127.0.0.0/8",))
@pytest.mark.parametrize("request_line", ignored_requests())
async def test_an_ignored_request_gets_the_dormant_answer_and_wakes_nothing(gateway, client, request_line):
    method, path, headers = request_line
    await gateway.routed(route("web", "a.test", ignore=RULES))
    data = b"x" if method == "POST" else None
    async with client.request(method, gateway.url + path, headers={"Host": "a.test"} | headers, data=data) as answer:
        assert answer.status == 503
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert await answer.json() == {
            "type": "https://wakedock.dev/problems/asleep",
            "title": "The app is asleep",
            "status": 503,
            "state": "asleep",
        }
        assert answer.headers.get("Connection") == ("close" if method == "POST" else None)
    assert gateway.activator.asked == []


@pytest.mark.caddy_options(trusted_proxies=("127.0.0.0/8",))
@pytest.mark.parametrize("request_line", ignored_requests())
async def test_an_ignored_request_reaches_an_awake_app_and_is_no_activity(gateway, client, app, request_line):
    method, path, headers = request_line
    await gateway.routed(route("web", "a.test", ignore=RULES))
    gateway.edge.steer(WEB, app.address)
    async with client.request(method, gateway.url + path, headers={"Host": "a.test"} | headers) as answer:
        assert answer.status == 200
    assert gateway.edge.touched(WEB) is False


@pytest.mark.caddy_options(trusted_proxies=("127.0.0.0/8",))
@pytest.mark.parametrize("request_line", counted_requests())
async def test_any_other_request_counts(gateway, client, app, request_line):
    method, path, headers = request_line
    await gateway.routed(route("web", "a.test", ignore=RULES))
    gateway.edge.steer(WEB, app.address)
    async with client.request(method, gateway.url + path, headers={"Host": "a.test"} | headers) as answer:
        assert answer.status == 200
    assert gateway.edge.touched(WEB) is True


async def test_an_ignored_request_in_flight_counts_as_in_flight(gateway, client, app):
    import asyncio

    await gateway.routed(route("web", "a.test", ignore=RULES))
    gateway.edge.steer(WEB, app.address)
    app.gate.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(client.get(f"{gateway.url}/healthz", headers={"Host": "a.test"}))
        await app.entered.wait()
        look = await gateway.edge.in_flight()
        assert (look.of(WEB), look.counted(WEB)) == (1, 0)
        app.gate.set()
    assert (await gateway.edge.in_flight()).of(WEB) == 0


async def test_a_service_may_have_its_own_dormant_answer(gateway, client):
    own = Ignore(paths=("/healthz",), status=200, body='asleep, "and" fine\n')
    other = Ignore(paths=("/healthz",), status=204)
    await gateway.routed(route("web", "a.test", ignore=own), route("other", "b.test", ignore=other))
    async with client.get(f"{gateway.url}/healthz", headers={"Host": "a.test"}) as answer:
        assert (answer.status, await answer.text()) == (200, 'asleep, "and" fine\n')
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    async with client.get(f"{gateway.url}/healthz", headers={"Host": "b.test"}) as answer:
        assert answer.status == 204
