"""A second look at every string of a route before it reaches Caddy, whatever the model let through."""

import re
from collections.abc import Iterator
from ipaddress import ip_network

from wakedock_operator.core.routing import Route

_host = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_method = re.compile(r"[A-Z][A-Z_-]*")


def unfit(route: Route) -> str | None:
    """Why a route must not reach Caddy, or None. Caddy would expand what stands in braces, `{file./etc/hostname}` too."""
    return next(_faults(route), None)


def _faults(route: Route) -> Iterator[str]:
    ignore = route.ignore
    networks = (*ignore.cidrs, *(() if route.callers is None else route.callers.networks))
    paths = [*(path for _, path in route.claims), *ignore.paths]
    texts = [*(host for host, _ in route.claims), *paths, *ignore.user_agents, *ignore.methods, *networks, ignore.body or ""]
    yield from (f"{text!r} holds a brace, which Caddy would take for a placeholder; take it out" for text in texts if {*text} & {*"{}"})
    yield from (f"{text!r} holds a NUL character; take it out" for text in texts if "\0" in text)
    yield from (f"{host!r} is not a host in lower-case A-labels" for host, _ in route.claims if not _host.fullmatch(host))
    yield from (f"the path {path!r} must start with '/'" for path in paths if not path.startswith("/"))
    yield from (f"{method!r} is not an HTTP method" for method in ignore.methods if not _method.fullmatch(method))
    yield from (f"{cidr!r} is not a network" for cidr in networks if not _is_network(cidr))
    if "" in ignore.user_agents:
        yield "an empty part of a user agent would ignore every request"
    if not 200 <= ignore.status <= 599:
        yield f"{ignore.status} is no status for an answer"


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True
