from wakedock_operator.core.routing import Claimed, Ignore, Upstream, route_services
from wakedock_operator.resource import App, Key, Metadata, Spec, WakeService


def service(name: str, *hosts: str, paths: tuple[str, ...] = ("/",), **fields: object) -> WakeService:
    spec = {"hosts": hosts, "paths": paths, "app": App(command=("x",)), **fields}
    return WakeService(metadata=Metadata(name=name), spec=Spec.model_validate(spec))


A, B, C = (Key("default", name) for name in "abc")


def test_each_service_gets_its_hosts_and_paths():
    routing = route_services([(1, service("a", "a.test", "b.test", paths=("/", "/x")))])
    assert routing.routes[A].claims == (("a.test", "/"), ("a.test", "/x"), ("b.test", "/"), ("b.test", "/x"))
    assert not routing.lost


def test_of_two_that_claim_the_same_the_first_wins_whatever_the_order_they_are_given_in():
    services = [(2, service("a", "shop.test")), (1, service("b", "shop.test"))]
    for given in (services, services[::-1]):
        routing = route_services(given)
        assert set(routing.routes) == {B}
        assert routing.lost == {A: (Claimed("shop.test", "/", B),)}


def test_of_two_that_came_together_the_name_decides():
    routing = route_services([(1, service("b", "shop.test")), (1, service("a", "shop.test"))])
    assert set(routing.routes) == {A}


def test_who_loses_one_claim_keeps_the_others():
    routing = route_services([(1, service("a", "shop.test")), (2, service("b", "shop.test", "blog.test")), (3, service("c", "blog.test"))])
    assert routing.routes[B].claims == (("blog.test", "/"),)
    assert routing.lost == {B: (Claimed("shop.test", "/", A),), C: (Claimed("blog.test", "/", B),)}


def test_one_host_is_shared_by_its_paths():
    routing = route_services([(1, service("a", "shop.test")), (2, service("b", "shop.test", paths=("/api",)))])
    assert {key: route.claims for key, route in routing.routes.items()} == {A: (("shop.test", "/"),), B: (("shop.test", "/api"),)}
    assert not routing.lost


def test_a_wildcard_and_an_exact_host_do_not_compete():
    assert not route_services([(1, service("a", "*.test")), (2, service("b", "shop.test"))]).lost


def test_a_service_without_hosts_has_no_route():
    routing = route_services([(1, service("a"))])
    assert not routing.routes
    assert not routing.lost


def test_a_route_carries_what_the_edge_needs_to_know_and_nothing_else():
    ignore = {"userAgents": ["probe"], "paths": ["/health"], "methods": ["OPTIONS"], "cidrs": ["10.0.0.0/8"], "answer": {"status": 204}}
    given = service("a", "a.test", protocol="h2c", maxConnections=16, ignore=ignore, port=8080)
    route = route_services([(1, given)]).routes[A]
    assert (route.upstream, route.max_connections) == (Upstream.H2C, 16)
    assert (route.ignore.user_agents, route.ignore.paths, route.ignore.methods) == (("probe",), ("/health",), ("OPTIONS",))
    assert (tuple(map(str, route.ignore.cidrs)), route.ignore.status) == (("10.0.0.0/8",), 204)
    assert not route.ignore.nothing


def test_no_entry_ignores_nothing():
    assert Ignore().nothing
