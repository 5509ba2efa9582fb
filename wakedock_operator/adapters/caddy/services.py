"""One service's handlers: its proxies, its ignore rules, and the dormant answer."""

import re
from typing import Any

from wakedock_operator.adapters.caddy.hold import SERVICE, close_unread_body
from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.core.routing import Ignore, Route, Upstream
from wakedock_operator.resource import Key

Json = dict[str, Any]

IGNORED = "wakedock_ignored"
"""The variable that marks an ignored request; the others say what it gets while the app sleeps."""
DORMANT_STATUS = "wakedock_dormant_status"
DORMANT_OWN_TEXT = "wakedock_dormant_own_text"
DORMANT_BODY = "wakedock_dormant_body"

DORMANT_PROBLEM = (
    r'\{"type":"https://wakedock.dev/problems/asleep","title":"The app is asleep","status":{http.vars.'
    + DORMANT_STATUS
    + r'},"state":"asleep"\}'
)
"""RFC 9457, with braces escaped from Caddy."""


def dial(options: CaddyOptions, key: Key, *, ignored: bool = False) -> str:
    """The dial string of a service: its steering file's content, read at each request. Also its name in the in-flight list."""
    return f"{{file.{(options.ignored if ignored else options.steer) / key.file_name}}}"


def service_handlers(options: CaddyOptions, route: Route) -> list[Json]:
    """What happens to a request that belongs to this service."""
    name = {"handler": "vars", SERVICE: route.key.file_name}
    proxy = _proxy(options, route, ignored=False)
    if route.ignore.nothing:
        return [name, proxy]
    mark: Json = {"handler": "vars", IGNORED: "true", DORMANT_STATUS: str(route.ignore.status)}
    if route.ignore.body is not None:
        mark |= {DORMANT_OWN_TEXT: "true", DORMANT_BODY: route.ignore.body}
    ignored = {"match": _ignored(route.ignore), "terminal": True, "handle": [mark, _proxy(options, route, ignored=True)]}
    return [name, {"handler": "subroute", "routes": [ignored, {"handle": [proxy]}]}]


def dormant_routes() -> list[Json]:
    """Error routes that answer an ignored request whose app sleeps, for all services."""
    asleep = {"vars": {IGNORED: ["true"]}, "expression": "{http.error.message}.startsWith('dial ')"}
    common: Json = {"handler": "static_response", "status_code": f"{{http.vars.{DORMANT_STATUS}}}"}
    text = common | {
        "headers": {"Content-Type": ["text/plain; charset=utf-8"], "Cache-Control": ["no-store"]},
        "body": f"{{http.vars.{DORMANT_BODY}}}",
    }
    problem = common | {
        "headers": {"Content-Type": ["application/problem+json"], "Cache-Control": ["no-store"]},
        "body": DORMANT_PROBLEM,
    }
    own_text = {"match": [{"vars": {DORMANT_OWN_TEXT: ["true"]}}], "terminal": True, "handle": [text]}
    answer = {"handler": "subroute", "routes": [close_unread_body, own_text, {"handle": [problem]}]}
    return [{"match": [asleep], "terminal": True, "handle": [answer]}]


def path_pattern(path: str) -> str:
    r"""A regular expression (RE2) for a literal path prefix: `/a` stands for `/a` and `/a/…`, upper and lower case differ.

    Caddy compares it with the decoded path in which `.`, `..` and doubled slashes are resolved. Its plain path matcher would fold case and
    read `*`, `?`, `[`, `\` and `%`.
    """
    return f"^{_quote(path.rstrip('/'))}(?:/|$)"


def _proxy(options: CaddyOptions, route: Route, *, ignored: bool) -> Json:
    transport: Json = {
        "protocol": "http",
        "dial_timeout": "1s",
        # 256: as many as are busy at once stay open. 500 ms: shorter than what apps close idle connections at, so none is found dead.
        "keep_alive": {"max_idle_conns_per_host": 256, "idle_timeout": "500ms"},
        "versions": ["h2c"] if route.upstream is Upstream.H2C else ["1.1"],
    }
    if route.max_connections is not None:
        transport["max_conns_per_host"] = route.max_connections
    proxy: Json = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": dial(options, route.key, ignored=ignored)}],
        "transport": transport,
        # Streams at once, as -1 does, without a flush after every small write.
        "flush_interval": "100ms",
        "stream_close_delay": "24h",
    }
    if route.upstream is Upstream.HTTPS:
        transport["tls"] = {"insecure_skip_verify": True}
        # With TLS, Caddy would put the app's address in place of the client's Host.
        proxy["headers"] = {"request": {"set": {"Host": ["{http.request.hostport}"]}}}
    return proxy


def _ignored(ignore: Ignore) -> list[Json]:
    matchers: list[Json] = []
    if ignore.user_agents:
        fragments = "|".join(_quote(fragment) for fragment in ignore.user_agents)
        matchers.append({"header_regexp": {"User-Agent": {"pattern": f"(?i)(?:{fragments})"}}})
    if ignore.paths:
        matchers.append({"path_regexp": {"pattern": "|".join(path_pattern(path) for path in ignore.paths)}})
    if ignore.methods:
        matchers.append({"method": list(ignore.methods)})
    if ignore.cidrs:
        matchers.append({"client_ip": {"ranges": list(ignore.cidrs)}})
    return matchers


def _quote(literal: str) -> str:
    return re.sub(r"[\\.+*?()|\[\]^$]", r"\\\g<0>", literal)
