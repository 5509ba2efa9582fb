"""Which service owns a host and path, and what the edge needs to know about each service.

Exact host beats wildcard without fall-through, then the longest path; `/a` means `/a` and `/a/…`. Two services with one host and path: the
one that was first wins, the other is told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from wakedock_operator.resource import Key, WakeService


class Upstream(StrEnum):
    """How Caddy speaks to the app."""

    HTTP = "http"
    H2C = "h2c"
    HTTPS = "https"


@dataclass(frozen=True, slots=True)
class Ignore:
    """Requests that neither wake nor keep awake, and what they get while the app sleeps. Any one matching entry is enough."""

    user_agents: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()
    status: int = 503
    body: str | None = None

    @property
    def nothing(self) -> bool:
        """True when no request is ignored."""
        return not (self.user_agents or self.paths or self.methods or self.cidrs)


@dataclass(frozen=True, slots=True)
class Callers:
    """A port of the gateways on which every request is for one service, whatever its host."""

    port: int
    networks: tuple[str, ...] = ()
    """From where it may be used; none for everywhere. Others get 403."""


@dataclass(frozen=True, slots=True)
class Route:
    """One service as the edge sees it: everything of a definition whose change needs a new configuration, and nothing else."""

    key: Key
    claims: tuple[tuple[str, str], ...]
    """(host, path) pairs that are this service's alone; none for one that takes no requests (any more): what is in flight still counts."""
    upstream: Upstream = Upstream.HTTP
    max_connections: int | None = None
    ignore: Ignore = Ignore()
    callers: Callers | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A host and path that somebody else had first."""

    host: str
    path: str
    owner: Key


@dataclass(frozen=True, slots=True)
class Routing:
    """The outcome: routes by service, and for each service the claims it lost."""

    routes: Mapping[Key, Route]
    lost: Mapping[Key, tuple[Claimed, ...]]


def route_services(services: Iterable[tuple[int, WakeService]], ports: Mapping[Key, int] | None = None) -> Routing:
    """Divide hosts and paths among `(order, service)` pairs; a lower order was first. `ports` are those with callers of their own."""
    ports = ports or {}
    owners: dict[tuple[str, str], Key] = {}
    routes: dict[Key, Route] = {}
    lost: dict[Key, tuple[Claimed, ...]] = {}
    for _, service in sorted(services, key=lambda pair: (pair[0], pair[1].key)):
        wanted = [(host, path) for host in service.spec.hosts for path in service.spec.paths]
        for claim in wanted:
            owners.setdefault(claim, service.key)
        mine = tuple(claim for claim in wanted if owners[claim] == service.key)
        others = tuple(Claimed(*claim, owners[claim]) for claim in wanted if owners[claim] != service.key)
        port = ports.get(service.key)
        if mine or port is not None:
            routes[service.key] = _route(service, mine, port)
        if others:
            lost[service.key] = others
    return Routing(routes, lost)


def _route(service: WakeService, claims: tuple[tuple[str, str], ...], port: int | None) -> Route:
    spec = service.spec
    callers = None if port is None else Callers(port, () if spec.service is None else spec.service.from_)
    ignore = Ignore(
        user_agents=spec.ignore.user_agents,
        paths=spec.ignore.paths,
        methods=spec.ignore.methods,
        cidrs=spec.ignore.cidrs,
        status=spec.ignore.answer.status,
        body=spec.ignore.answer.body,
    )
    return Route(service.key, claims, Upstream(spec.protocol), spec.max_connections, ignore, callers)
