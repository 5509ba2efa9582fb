"""The host tree: which of thousands of hosts a request is for, found in a handful of comparisons.

Caddy tries routes one after the other, but searches a host list of more than 100 names in binary. So the top has at most 20 routes with
long lists (short ones are filled up with names that nobody can ask for), below which each list divides into five.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

TOP = 20
FAN_OUT = 5
SEARCHED = 101
"""From this many names on a list is searched in binary."""
WORTH_FILLING = 24
"""A shorter list is quicker gone through than searched."""


@dataclass(frozen=True, slots=True)
class Site:
    """Hosts that share their routes. Some route of them takes every request, be it with 404."""

    hosts: tuple[str, ...]
    routes: tuple[Json, ...]

    def route(self) -> Json:
        """The site as one route; a single route without matchers needs no subroute."""
        if len(self.routes) == 1 and "match" not in self.routes[0]:
            handlers = self.routes[0]["handle"]
        else:
            handlers = [{"handler": "subroute", "routes": list(self.routes)}]
        return {"match": [{"host": list(self.hosts)}], "terminal": True, "handle": handlers}


def not_found() -> Json:
    """A route that ends with 404."""
    return {"handle": [{"handler": "static_response", "status_code": 404}]}


def host_tree(sites: Iterable[Site]) -> list[Json]:
    """Routes that lead each host to its site, exact hosts first; all others to 404."""
    exact: list[Site] = []
    wildcard: list[Site] = []
    for site in sites:
        patterns = tuple(host for host in site.hosts if host.startswith("*"))
        names = tuple(host for host in site.hosts if not host.startswith("*"))
        if names:
            exact.append(Site(names, site.routes))
        if patterns:
            wildcard.append(Site(patterns, site.routes))
    odd = [_no_label()] if wildcard else []
    return [*_branches(exact, TOP), *odd, *_branches(wildcard, TOP), not_found()]


def _no_label() -> Json:
    """A route that answers 404 for what Caddy takes for hosts below a wildcard, `.a.test` and `*.a.test`. Exact hosts never come to it."""
    return {"match": [{"header": {"Host": [".*", "***"]}}], "terminal": True, **not_found()}


def _branches(sites: Sequence[Site], fan_out: int) -> list[Json]:
    if len(sites) <= FAN_OUT:
        return [site.route() for site in sites]
    size = -(-len(sites) // fan_out)
    branches = []
    for start in range(0, len(sites), size):
        below = sites[start : start + size]
        if len(below) == 1:
            branches.append(below[0].route())
            continue
        hosts = [host for site in below for host in site.hosts]
        # The lists of a branch hold all hosts below it, so the last route is never passed by.
        branch = {"handler": "subroute", "routes": [*_branches(below, FAN_OUT), not_found()]}
        branches.append({"match": [{"host": _filled(hosts)}], "terminal": True, "handle": [branch]})
    return branches


def _filled(hosts: list[str]) -> list[str]:
    if not WORTH_FILLING <= len(hosts) < SEARCHED or any(host.startswith("*") for host in hosts):
        return hosts
    # An underscore cannot be in a host that is served.
    return hosts + [f"_{number}.invalid" for number in range(SEARCHED - len(hosts))]
