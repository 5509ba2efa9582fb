"""The named routes `services` and `reserved`, built from all routes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wakedock_operator.adapters.caddy.hold import HOLD, PAGE, SERVICE, raise_again
from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.adapters.caddy.services import dormant_routes, path_pattern, service_handlers
from wakedock_operator.adapters.caddy.tree import Site, host_tree, not_found
from wakedock_operator.core.routing import Route
from wakedock_operator.resource import Key

Json = dict[str, Any]
Claims = tuple[tuple[str, Key], ...]
"""The (path, service) pairs of a host, longest path first."""

SERVICES = "services"
RESERVED = "reserved"
_OWNER = "wakedock_owner"


def named_routes(options: CaddyOptions, routes: Sequence[Route]) -> Json:
    """`services` carries requests to apps, `reserved` leads `/.wakedock/` to WakeDock's own pages.

    A service whose hosts differ in their paths gets a named route, so that each service has exactly one proxy, one pool of connections
    and one entry in the in-flight list. So does a service without hosts, though nobody invokes it: the proxy keeps that entry.
    """
    by_claims = _hosts_by_claims(routes)
    places: dict[Key, int] = defaultdict(int)
    for claims, hosts in by_claims.items():
        kinds = len({host.startswith("*") for host in hosts})
        for _, key in claims:
            places[key] += kinds
    named: Json = {}
    handlers: dict[Key, list[Json]] = {}
    for route in routes:
        own = service_handlers(options, route)
        if places[route.key] != 1:
            named[service_route_name(route.key)] = {"handle": own}
            own = [{"handler": "invoke", "name": service_route_name(route.key)}]
        handlers[route.key] = own
    return named | {
        SERVICES: {"handle": [_services(by_claims, handlers)]},
        RESERVED: {"handle": [_reserved(by_claims)]},
    }


def service_route_name(key: Key) -> str:
    """The named route of one service."""
    return f"service/{key.file_name}"


def _hosts_by_claims(routes: Iterable[Route]) -> dict[Claims, tuple[str, ...]]:
    by_host: dict[str, list[tuple[str, Key]]] = defaultdict(list)
    for route in routes:
        for host, path in route.claims:
            by_host[host].append((path, route.key))
    by_claims: dict[Claims, list[str]] = defaultdict(list)
    for host, claims in sorted(by_host.items()):
        by_claims[tuple(sorted(claims, key=lambda claim: (-len(claim[0]), claim)))].append(host)
    return {claims: tuple(hosts) for claims, hosts in by_claims.items()}


def _services(by_claims: Mapping[Claims, tuple[str, ...]], handlers: Mapping[Key, list[Json]]) -> Json:
    sites = [Site(hosts, _by_path((path, handlers[key]) for path, key in claims)) for claims, hosts in by_claims.items()]
    *known, unknown = host_tree(sites)
    return {"handler": "subroute", "routes": [*known, _fully_qualified(SERVICES), unknown], "errors": {"routes": error_routes()}}


def _fully_qualified(again: str) -> Json:
    """A route for hosts with the dot of the root, `a.test.`: without it they are looked up again in the named route `again`.

    It stands behind all hosts, so that other requests for a host that is served never come to it.
    """
    strip = {"Host": [{"search_regexp": r"\.(:[0-9]+)?$", "replace": "$1"}]}
    return {
        "match": [{"header_regexp": {"Host": {"pattern": r"[^.]\.(?::[0-9]+)?$"}}}],
        "terminal": True,
        "handle": [{"handler": "headers", "request": {"replace": strip}}, {"handler": "invoke", "name": again}],
    }


def error_routes() -> list[Json]:
    """What `services` does with a request that reached no app."""
    hold = {
        "match": [{"expression": "{http.error.message}.startsWith('dial ')"}],
        "terminal": True,
        # After a grant the request starts again: one that a sleep or a crash overtook is simply held again.
        "handle": [{"handler": "invoke", "name": HOLD}, {"handler": "invoke", "name": SERVICES}],
    }
    return [*dormant_routes(), hold, raise_again]


def _by_path(claims: Iterable[tuple[str, list[Json]]]) -> tuple[Json, ...]:
    routes: list[Json] = []
    for path, handlers in claims:
        if path == "/":
            return (*routes, {"handle": handlers})
        routes.append({"match": [{"path_regexp": {"pattern": path_pattern(path)}}], "terminal": True, "handle": handlers})
    return (*routes, not_found())


def _reserved(by_claims: Mapping[Claims, tuple[str, ...]]) -> Json:
    """Each host's pages speak for its service with the shortest path; which others share the host, the activator knows.

    A list that Caddy goes through one by one, since pages are asked for seldom: a second host tree would cost 100 MB at 10,000 services.
    """
    services = [(host, claims[-1][1].file_name) for claims, hosts in by_claims.items() for host in hosts]
    exact = [{"input": host, "outputs": [name]} for host, name in services if not host.startswith("*")]
    wildcard = [{"input_regexp": _wildcard_pattern(host), "outputs": [name]} for host, name in services if host.startswith("*")]
    lookup = {
        "handler": "map",
        "source": "{http.request.host}",
        "destinations": [f"{{{_OWNER}}}"],
        "mappings": [*exact, *wildcard],
        "defaults": [""],
    }
    unknown = {"match": [{"expression": f"{{{_OWNER}}} == ''"}], **not_found()}
    page = {"handle": [{"handler": "vars", SERVICE: f"{{{_OWNER}}}"}, {"handler": "invoke", "name": PAGE}]}
    return {"handler": "subroute", "routes": [_fully_qualified(RESERVED), {"handle": [lookup]}, unknown, page]}


def _wildcard_pattern(host: str) -> str:
    return "^[^.*]+" + host.removeprefix("*").replace(".", r"\.") + "$"
