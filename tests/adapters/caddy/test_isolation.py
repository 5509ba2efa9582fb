"""A route that cannot be served takes nobody else with it."""

import pytest

from tests.adapters.caddy.gateway import route
from wakedock_operator.adapters.caddy import edge as edge_module
from wakedock_operator.adapters.caddy import literals
from wakedock_operator.adapters.caddy.edge import CaddyEdge
from wakedock_operator.core.routing import Ignore
from wakedock_operator.resource import Key

pytestmark = pytest.mark.caddy


async def served(gateway, client, host: str) -> bool:
    async with client.get(gateway.url, headers={"Host": host}) as answer:
        return bool(answer.status != 404)


@pytest.fixture
def only_caddy_looks(monkeypatch):
    """Turn off the look that WakeDock itself takes at a route, so that Caddy has to refuse it."""
    monkeypatch.setattr(edge_module, "unfit", lambda route: None)


@pytest.fixture
def unanswered(gateway):
    from aiohttp import web

    async def refuse(request):
        return web.Response(status=503)

    gateway.activator.answer = refuse


@pytest.mark.usefixtures("only_caddy_looks", "unanswered")
async def test_services_that_caddy_refuses_are_found_and_the_rest_is_in_force(gateway, client):
    good = [route(f"s{i}", f"s{i}.test") for i in range(9)]
    bad = [
        route("bad", "bad.test", ignore=Ignore(cidrs=("no network",))),
        route("worse", "worse.test", ignore=Ignore(cidrs=("1.2.3.4/99",))),
    ]
    rejected = await gateway.routed(*good, *bad)
    assert set(rejected) == {Key("default", "bad"), Key("default", "worse")}
    assert "no network" in rejected[Key("default", "bad")]
    assert gateway.edge.rejected == rejected
    assert await served(gateway, client, "s0.test")
    assert await served(gateway, client, "s8.test")
    assert not await served(gateway, client, "bad.test")
    loads = gateway.edge.loads
    assert await gateway.routed(*good, *bad) == rejected
    assert gateway.edge.loads == loads
    assert await gateway.routed(*good, bad[1]) == {Key("default", "worse"): rejected[Key("default", "worse")]}
    assert await gateway.routed(*good) == {}


@pytest.mark.usefixtures("only_caddy_looks", "unanswered")
async def test_the_next_wakedock_does_not_load_again_beside_an_isolated_service(gateway):
    routes = [route("web", "a.test"), route("bad", "bad.test", ignore=Ignore(cidrs=("no network",)))]
    rejected = await gateway.routed(*routes)
    await gateway.edge.release()
    gateway.edge = CaddyEdge(gateway.options)
    await gateway.edge.start()
    assert await gateway.routed(*routes) == rejected
    assert gateway.edge.loads == 0


@pytest.mark.usefixtures("unanswered")
async def test_a_route_with_a_brace_never_reaches_caddy(gateway, client):
    rejected = await gateway.routed(route("web", "a.test"), route("evil", "b.test", paths=("/{file./etc/hostname}",)))
    assert set(rejected) == {Key("default", "evil")}
    assert "brace" in rejected[Key("default", "evil")]
    assert await served(gateway, client, "a.test")
    assert "hostname" not in gateway.options.configuration.read_text()


def test_unfit_routes_are_told_apart_from_fit_ones():
    fit = Ignore(("Bot (1)",), ("/x",), ("GET", "M-SEARCH"), ("10.0.0.0/8", "::1"), 204, "text")
    assert literals.unfit(route("web", "a.test", "*.b.test", paths=("/", "/ü*"), ignore=fit)) is None
    for changed in (
        route("web", "{host}.test"),
        route("web", "A.test"),
        route("web", "a b"),
        route("web", "*"),
        route("web", "a.test", paths=("/{a",)),
        route("web", "a.test", paths=("a",)),
        route("web", "a.test", paths=("/\0",)),
        route("web", "a.test", ignore=Ignore(user_agents=("{env.X}",))),
        route("web", "a.test", ignore=Ignore(user_agents=("",))),
        route("web", "a.test", ignore=Ignore(paths=("x",))),
        route("web", "a.test", ignore=Ignore(methods=("get",))),
        route("web", "a.test", ignore=Ignore(methods=("{m}",))),
        route("web", "a.test", ignore=Ignore(cidrs=("10.0.0.1/8",))),
        route("web", "a.test", ignore=Ignore(body="{env.X}")),
        route("web", "a.test", ignore=Ignore(status=99)),
    ):
        assert literals.unfit(changed) is not None, changed
