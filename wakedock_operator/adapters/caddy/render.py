"""From options and routes to Caddy's configuration. Pure, but for certificates in files, of which it reads the digest."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from wakedock_operator.adapters.caddy.callers import CALLERS, callers_server
from wakedock_operator.adapters.caddy.certificates import tls_apps, to_https
from wakedock_operator.adapters.caddy.client_headers import client_headers
from wakedock_operator.adapters.caddy.farewell import farewell_routes, farewell_time
from wakedock_operator.adapters.caddy.hold import AGAIN, PAGE, again_server, hold_routes, page_route
from wakedock_operator.adapters.caddy.options import CaddyOptions, Tls
from wakedock_operator.adapters.caddy.routes import RESERVED, SERVICES, named_routes
from wakedock_operator.core.routing import Route
from wakedock_operator.resource.literals import RESERVED_PATH

Json = dict[str, Any]

SERVER = "wakedock"
LISTEN_PATH = f"/config/apps/http/servers/{SERVER}/listen"
REVISION = "revision"
"""A named route that nothing invokes; it carries the hash of the configuration that it stands in."""
REVISION_PATH = f"/config/apps/http/servers/{SERVER}/named_routes/{REVISION}/handle/0/{REVISION}"


def render(options: CaddyOptions, routes: Sequence[Route], longest_wake: float) -> Json:
    """The whole configuration. Equal input, in any order, gives an equal configuration; `longest_wake` is in seconds."""
    routes = sorted(routes, key=lambda route: route.key)
    hosts = sorted({host for route in routes for host, _ in route.claims})
    servers = {SERVER: _server(options, routes, longest_wake), AGAIN: again_server(options, longest_wake)}
    first = [*farewell_routes(options), *client_headers(options.trusted_proxies)]
    callers = callers_server(options, routes, longest_wake, before=first)
    if callers is not None:
        servers[CALLERS] = callers | _trusted(options)
    return skeleton(options) | {"apps": {"http": {"servers": servers} | farewell_time(options)} | tls_apps(options, hosts)}


def skeleton(options: CaddyOptions) -> Json:
    """What Caddy starts with: its admin socket, and no listener yet."""
    return {
        "admin": {"listen": f"unix/{options.admin_socket}", "config": {"persist": False}},
        "storage": {"module": "file_system", "root": str(options.home / "storage")},
        # The proxy's logger encodes each request as JSON at any level.
        "logging": {"logs": {"default": {"level": "ERROR", "exclude": ["http.handlers.reverse_proxy", "http.log.error"]}}},
    }


def sealed(configuration: Json) -> tuple[bytes, str]:
    """The configuration as Caddy gets it, with its own hash inside, and the hash. `configuration` itself is changed by that."""
    revision = hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()
    named = configuration["apps"]["http"]["servers"][SERVER]["named_routes"]
    named[REVISION] = {"handle": [{"handler": "vars", REVISION: revision}]}
    return json.dumps(configuration, separators=(",", ":")).encode(), revision


def _server(options: CaddyOptions, routes: Sequence[Route], longest_wake: float) -> Json:
    plain = options.tls is Tls.OFF
    server: Json = {
        "listen": list(options.listen),
        "protocols": ["h1", "h2", "h2c"] if plain else ["h1", "h2", "h3"],
        "automatic_https": {"disable": True},
        "named_routes": named_routes(options, routes) | hold_routes(options, longest_wake, then=SERVICES) | {PAGE: page_route(options)},
        "routes": [
            *farewell_routes(options),
            {
                "match": [{"path": [RESERVED_PATH, f"{RESERVED_PATH}/*"]}],
                "terminal": True,
                "handle": [{"handler": "invoke", "name": RESERVED}],
            },
            *client_headers(options.trusted_proxies),
            {"handle": [{"handler": "invoke", "name": SERVICES}]},
        ],
    }
    if options.proxy_protocol:
        wrapper = {"wrapper": "proxy_protocol", "timeout": "2s", "allow": list(options.proxy_protocol)}
        server["listener_wrappers"] = [wrapper, {"wrapper": "tls"}]
    if not plain:
        server["tls_connection_policies"] = [{}]
        server["routes"].insert(0, to_https(options.listen, options.trusted_proxies))
    return server | _trusted(options)


def _trusted(options: CaddyOptions) -> Json:
    """Who may say for whom a request is."""
    said: Json = {}
    networks = [proxy for proxy in options.trusted_proxies if proxy != "unix"]
    if networks:
        said["trusted_proxies"] = {"source": "static", "ranges": networks}
        # From the right, so that a client cannot put an address of its choice in front.
        said["trusted_proxies_strict"] = 1
    if "unix" in options.trusted_proxies:
        said["trusted_proxies_unix"] = True
    return said
