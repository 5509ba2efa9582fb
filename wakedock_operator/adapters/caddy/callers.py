"""The server for callers inside a cluster: each service has a port of its own there, and every request on it is for that service.

It is a server of its own because a port with TLS makes every port of its server one with TLS. Its proxies share their in-flight list with
those of the hosts, since Caddy counts by the dial string.
"""

from collections.abc import Sequence
from typing import Any

from wakedock_operator.adapters.caddy.hold import PAGE, SERVICE, hold_routes, page_route
from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.adapters.caddy.routes import SERVICES, error_routes, service_route_name
from wakedock_operator.adapters.caddy.services import service_handlers
from wakedock_operator.adapters.caddy.tree import not_found
from wakedock_operator.core.routing import Callers, Route
from wakedock_operator.resource.literals import RESERVED_PATH

Json = dict[str, Any]

CALLERS = "callers"
_PORT = "{http.request.local.port}"
_DIGITS = "0123456789"


def callers_server(options: CaddyOptions, routes: Sequence[Route], longest_wake: float, *, before: Sequence[Json]) -> Json | None:
    """The server, None where no service has callers of its own. `before` are the routes that every request goes through first."""
    served = [(route, route.callers) for route in routes if route.callers is not None]
    if not served:
        return None
    named: Json = {service_route_name(route.key): {"handle": service_handlers(options, route)} for route, _ in served}
    leaves = {str(callers.port): _leaf(route, callers) for route, callers in served}
    services = {"handler": "subroute", "routes": [*_branches("", leaves), not_found()], "errors": {"routes": error_routes()}}
    named |= {SERVICES: {"handle": [services]}, PAGE: page_route(options)} | hold_routes(options, longest_wake, then=SERVICES)
    return {
        "listen": [f":{callers.port}" for _, callers in served],
        "protocols": ["h1", "h2", "h2c"],
        "automatic_https": {"disable": True},
        "named_routes": named,
        "routes": [*before, {"handle": [{"handler": "invoke", "name": SERVICES}]}],
    }


def _leaf(route: Route, callers: Callers) -> list[Json]:
    page = [{"handler": "vars", SERVICE: route.key.file_name}, {"handler": "invoke", "name": PAGE}]
    routes: list[Json] = [
        {"match": [{"path": [RESERVED_PATH, f"{RESERVED_PATH}/*"]}], "terminal": True, "handle": page},
        {"handle": [{"handler": "invoke", "name": service_route_name(route.key)}]},
    ]
    if callers.networks:
        # The peer itself, whoever it says that it speaks for.
        stranger = {"not": [{"remote_ip": {"ranges": list(callers.networks)}}]}
        routes.insert(0, {"match": [stranger], "terminal": True, "handle": [{"handler": "static_response", "status_code": 403}]})
    return [{"handler": "subroute", "routes": routes}]


def _branches(prefix: str, leaves: dict[str, list[Json]]) -> list[Json]:
    """Routes that lead each port to its leaf, digit by digit: Caddy has no table of ports, and tries routes one after the other."""
    if len(leaves) == 1:
        ((port, leaf),) = leaves.items()
        return [{"match": [_port(f"^{port}$")], "terminal": True, "handle": leaf}]
    found: list[Json] = []
    for digit in _DIGITS:
        start = prefix + digit
        below = {port: leaf for port, leaf in leaves.items() if port.startswith(start)}
        if len(below) == len(leaves) > 1:
            return _branches(start, leaves)
        if len(below) == 1:
            found += _branches(start, below)
        elif below:
            branch = {"handler": "subroute", "routes": [*_branches(start, below), not_found()]}
            found.append({"match": [_port(f"^{start}")], "terminal": True, "handle": [branch]})
    return found


def _port(pattern: str) -> Json:
    return {"vars_regexp": {_PORT: {"pattern": pattern}}}
