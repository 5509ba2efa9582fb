"""Which service a request reaches, asked through a real Caddy."""

import pytest

from tests.adapters.caddy.gateway import Gateway, route
from wakedock_operator.core.routing import Route
from wakedock_operator.resource import Key

pytestmark = pytest.mark.caddy


async def reached(gateway: Gateway, client, host: str, path: str = "/") -> str:
    """The service that a cold request would wake, or the status of Caddy's own answer."""

    async def name(request):
        return _web_response(418, request.headers["X-Wakedock-Service"])

    gateway.activator.answer = name
    async with client.get(_url(gateway.url, path), headers={"Host": host}) as answer:
        return await answer.text() if answer.status == 418 else str(answer.status)


def _web_response(status: int, text: str):
    from aiohttp import web

    return web.Response(status=status, text=text)


def _url(base: str, path: str):
    from yarl import URL

    return URL(base + path, encoded=True)


@pytest.fixture
async def ask(gateway, client):
    async def ask(host: str, path: str = "/") -> str:
        return await reached(gateway, client, host, path)

    return ask


async def test_exact_hosts_win_over_wildcards_and_a_wildcard_is_one_label(gateway, ask):
    await gateway.routed(route("exact", "a.apps.test"), route("wild", "*.apps.test"), route("upper", "*.test"))
    assert await ask("a.apps.test") == "default.exact"
    assert await ask("A.Apps.TEST") == "default.exact"
    assert await ask("a.apps.test:8080") == "default.exact"
    assert await ask("b.apps.test") == "default.wild"
    assert await ask("apps.test") == "default.upper"
    assert await ask("b.a.apps.test") == "404"
    assert await ask("test") == "404"
    assert await ask("127.0.0.1") == "404"


@pytest.mark.parametrize("host", [".apps.test", "*.apps.test", "b*.apps.test", ".apps.test:8080", "*.apps.test."])
async def test_what_is_no_label_is_below_no_wildcard(gateway, ask, host):
    await gateway.routed(route("wild", "*.apps.test"))
    assert await ask("b.apps.test") == "default.wild"
    assert await ask(host) == "404"
    assert await ask(host, "/.wakedock/x") == "404"


async def test_a_host_with_the_dot_of_the_root_is_the_host_without_it(gateway, ask):
    await gateway.routed(route("exact", "a.apps.test", paths=("/api",)), route("wild", "*.apps.test"))
    assert await ask("a.apps.test.", "/api") == "default.exact"
    assert await ask("A.Apps.TEST.:8080", "/api") == "default.exact"
    assert await ask("b.apps.test.") == "default.wild"
    assert await ask("b.apps.test.", "/.wakedock/x") == "default.wild"
    assert await ask("a.apps.test.") == "404"
    assert await ask("a.apps.test..", "/api") == "404"
    assert await ask("unknown.test.") == "404"
    assert await ask("unknown.test.", "/.wakedock/x") == "404"
    assert await ask(".") == "404"


async def test_a_host_with_the_dot_of_the_root_reaches_an_awake_app(gateway, client, app):
    await gateway.routed(route("web", "a.test"))
    gateway.edge.steer(Key("default", "web"), app.address)
    async with client.get(gateway.url, headers={"Host": "a.test."}) as answer:
        assert answer.status == 200
    assert gateway.edge.touched(Key("default", "web"))


async def test_an_exact_host_does_not_fall_through_to_a_wildcard(gateway, ask):
    await gateway.routed(route("exact", "a.apps.test", paths=("/api",)), route("wild", "*.apps.test"))
    assert await ask("a.apps.test", "/api") == "default.exact"
    assert await ask("a.apps.test", "/") == "404"
    assert await ask("b.apps.test", "/") == "default.wild"


async def test_the_longest_path_wins_and_a_prefix_ends_at_a_slash(gateway, ask):
    await gateway.routed(
        route("root", "a.test"), route("api", "a.test", paths=("/api",)), route("deep", "a.test", paths=("/api/v1", "/other"))
    )
    assert await ask("a.test", "/") == "default.root"
    assert await ask("a.test", "/apiary") == "default.root"
    assert await ask("a.test", "/api") == "default.api"
    assert await ask("a.test", "/api/") == "default.api"
    assert await ask("a.test", "/api/v10") == "default.api"
    assert await ask("a.test", "/api/v1") == "default.deep"
    assert await ask("a.test", "/api/v1/x?y=/other") == "default.deep"
    assert await ask("a.test", "/other/") == "default.deep"


@pytest.mark.parametrize(
    "path, request_path, expected",
    [
        pytest.param("/a.b", "/axb", "404", id="a dot is a dot"),
        pytest.param("/a.b", "/a.b/c", "default.web", id="a dot matches itself"),
        pytest.param("/a", "/A", "404", id="upper and lower case differ"),
        pytest.param("/a+b(c)|d^$", "/a+b(c)%7Cd%5E$/x", "default.web", id="signs of regular expressions are literal"),
        pytest.param("/a*", "/abc", "404", id="a star is a star"),
        pytest.param("/a*", "/a*/x", "default.web", id="a star matches itself"),
        pytest.param("/é ü", "/%C3%A9%20%C3%BC/x", "default.web", id="an escaped request matches unescaped text"),
        pytest.param("/a/b", "/a%2Fb", "default.web", id="an escaped slash is a slash"),
        pytest.param("/a%2Fb", "/a/b", "404", id="an escape in a path is text"),
        pytest.param("/a", "/x/../a", "default.web", id="dots are resolved"),
        pytest.param("/a", "/a/../x", "404", id="dots do not lead out of a prefix"),
        pytest.param("/a", "//a", "default.web", id="doubled slashes are one"),
    ],
)
async def test_paths_are_taken_literally(gateway, ask, path, request_path, expected):
    await gateway.routed(route("web", "a.test", paths=(path,)))
    assert await ask("a.test", request_path) == expected


@pytest.mark.parametrize("number", [5, 6, 30, 137, 600])
async def test_every_host_of_many_is_found_and_no_other(gateway, ask, number):
    await gateway.routed(
        *(route(f"s{i}", f"s{i}.apps.test", f"also-{i}.test") for i in range(number)),
        *(route(f"w{i}", f"*.w{i}.test") for i in range(number // 5)),
    )
    for i in {0, 1, number // 2, number - 2, number - 1}:
        assert await ask(f"s{i}.apps.test") == f"default.s{i}"
        assert await ask(f"ALSO-{i}.test") == f"default.s{i}"
    for i in range(number // 5):
        assert await ask(f"x.w{i}.test") == f"default.w{i}"
    assert await ask(f"s{number}.apps.test") == "404"
    assert await ask("_0.invalid") == "404"


async def test_a_service_with_several_sets_of_paths_is_reached_on_all_of_them(gateway, ask, app, client):
    claims = (("a.test", "/"), ("b.test", "/b"), ("*.c.test", "/"))
    await gateway.routed(Route(Key("default", "web"), claims), route("other", "b.test"))
    assert await ask("a.test") == "default.web"
    assert await ask("b.test", "/b") == "default.web"
    assert await ask("b.test") == "default.other"
    assert await ask("x.c.test") == "default.web"
    gateway.edge.steer(Key("default", "web"), app.address)
    async with client.get(f"{gateway.url}/b", headers={"Host": "b.test"}) as answer:
        assert answer.status == 200


async def test_a_removed_route_is_unknown_again(gateway, ask):
    await gateway.routed(route("web", "a.test"))
    await gateway.routed(route("other", "b.test"))
    assert await ask("a.test") == "404"
    assert await ask("b.test") == "default.other"


async def test_pages_below_the_reserved_path_come_from_the_activator_and_touch_nothing(gateway, client, app):
    await gateway.routed(route("web", "a.test"), route("api", "a.test", paths=("/api",)))
    web = Key("default", "web")
    gateway.edge.steer(web, app.address)

    async def page(request):
        return _web_response(200, f"{request.method} {request.raw_path} {request.headers.get('Cookie')}")

    gateway.activator.answer = page
    headers = {"Host": "a.test", "Cookie": "secret=1", "X-Wakedock-Service": "default.forged", "Last-Event-ID": "7"}
    async with client.get(f"{gateway.url}/.wakedock/progress?service=default.api", headers=headers) as answer:
        assert await answer.text() == "GET /.wakedock/progress?service=default.api None"
    asked = gateway.activator.asked[-1]
    assert asked.headers["X-Wakedock-Service"] == "default.web"
    assert asked.headers["Last-Event-ID"] == "7"
    assert "X-Wakedock-Age-Ms" not in asked.headers
    async with client.head(f"{gateway.url}/%2eWakeDock/x", headers=headers) as answer:
        assert answer.status == 200
    assert gateway.activator.asked[-1].method == "HEAD"
    assert gateway.edge.touched(web) is False
    questions = len(gateway.activator.asked)
    async with client.post(f"{gateway.url}/.wakedock/progress", headers=headers, data=b"x") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
        assert answer.content_type == "application/problem+json"
        assert (await answer.json(content_type=None))["type"].endswith("/method-not-allowed")
    async with client.get(f"{gateway.url}/.wakedock/progress", headers={"Host": "unknown.test"}) as answer:
        assert answer.status == 404
    assert len(gateway.activator.asked) == questions


async def test_events_of_a_page_arrive_one_by_one(gateway, client):
    import asyncio

    from aiohttp import web

    await gateway.routed(route("web", "a.test"))
    go_on = asyncio.Event()

    async def stream(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: 1\n\n")
        await go_on.wait()
        await response.write(b"data: 2\n\n")
        return response

    gateway.activator.answer = stream
    async with client.get(f"{gateway.url}/.wakedock/progress", headers={"Host": "a.test"}) as answer:
        assert await answer.content.readline() == b"data: 1\n"
        go_on.set()
        assert (await answer.content.read()).endswith(b"data: 2\n\n")
