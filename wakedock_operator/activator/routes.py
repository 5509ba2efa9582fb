"""Keeps the edge's routes as the catalogue defines them: one apply for all changes that came meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import structlog

from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.core.conditions import ConditionType, RoutedReason
from wakedock_operator.core.routing import Route, route_services
from wakedock_operator.ports.board import Board
from wakedock_operator.ports.catalog import Catalog, Entry, Snapshot
from wakedock_operator.ports.changes import Changes
from wakedock_operator.ports.edge import Edge, EdgeUnavailable
from wakedock_operator.resource import Key

log = structlog.get_logger(__name__)

SHORTEST_WAKE = 60.0
"""The longest `wake.timeout` that the hold is prepared for even where no service asks for it, in seconds."""
TRY_AGAIN = 0.5
QUIET = 10.0
"""Seconds for which the first routes may fail to be applied before that is a warning."""
PORTS_LOOK = 0.05
"""Seconds between two looks for a port that is on its way."""


class RouteKeeper:
    """Follows the catalogue and applies.

    Only hosts, paths, ports, protocol, ignore rules, limits and a new longest time-out make a difference. A service without hosts has a
    route without hosts, and one that has ended keeps such a route until its record is gone: what was in flight when its hosts were taken
    away must stay in the in-flight list, or a drain would find nothing and cut it.
    """

    def __init__(
        self, *, catalog: Catalog, board: Board, edge: Edge, metrics: Metrics, applied: Callable[[], None], ports_within: float = 0.0
    ) -> None:
        """`ports_within` is how long, in seconds, a new service is waited with for its port, so that both come with one apply."""
        self._ports_within = ports_within
        self._catalog = catalog
        self._board = board
        self._edge = edge
        self._metrics = metrics
        self._applied = applied
        self.in_force = asyncio.Event()
        """Set once the routes of some snapshot are in force."""
        self.versions: Mapping[str, int] = {}
        """Those of the catalogue's snapshot whose routes are in force."""
        self.settled = False
        """Nothing is waiting to be applied."""
        self._last: tuple[list[Route], float] | None = None
        self._routed: frozenset[Key] = frozenset()
        """Services that some host leads to."""
        self._changes: Changes[Key] = Changes()
        self._failing_since: float | None = None
        self._ending: set[Key] = set()
        self._again = asyncio.Event()
        self._waited_for: set[Key] = set()
        """Services whose port did not come in time."""

    def pending(self, entry: Entry) -> str | None:
        """Why no request reaches it yet; None once its route was in force, be it by the word of an earlier start."""
        if entry.key in self._routed or not entry.service.spec.hosts or self._said_routed(entry.key):
            return None
        return "its route is not in force yet"

    def refused(self, entry: Entry) -> str | None:
        """Why Caddy refused its route."""
        return self._edge.rejected.get(entry.key)

    def changes(self) -> AsyncIterator[Key]:
        """Every service that gets its first route."""
        return self._changes.follow()

    def _said_routed(self, key: Key) -> bool:
        status = self._board.view(key)
        return status is not None and any(
            (each.type, each.reason) == (ConditionType.ROUTED, RoutedReason.ROUTED) for each in status.conditions
        )

    def apply_again(self) -> None:
        """Something beside the definitions changed, such as a certificate."""
        self._last = None
        self._again.set()

    async def run(self) -> None:
        """Apply until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            again = self._again
            tasks.create_task(self._follow_catalog(again))
            tasks.create_task(self._follow_ends(again))
            while True:
                self.settled = self.in_force.is_set() and not again.is_set()
                await again.wait()
                self.settled = False
                if self._ports_within:
                    await self._await_ports()
                again.clear()
                if not await self._apply(self._catalog.current()):
                    await asyncio.sleep(TRY_AGAIN)
                    again.set()

    async def _await_ports(self) -> None:
        """Wait a moment for the ports of services that are new, for each of them once."""
        until = asyncio.get_running_loop().time() + self._ports_within
        while new := self._lacking() - self._waited_for:
            if asyncio.get_running_loop().time() >= until:
                self._waited_for |= new
            await asyncio.sleep(min(PORTS_LOOK, self._ports_within))
        self._waited_for &= self._lacking()

    def _lacking(self) -> set[Key]:
        entries = self._catalog.current().entries.values()
        return {entry.key for entry in entries if entry.service.service_name is not None and entry.callers_port is None}

    async def _follow_catalog(self, again: asyncio.Event) -> None:
        last: Snapshot | None = None
        async for snapshot in self._catalog.changes():
            if last is None or not snapshot.defines_as(last):
                again.set()
            last = snapshot

    async def _follow_ends(self, again: asyncio.Event) -> None:
        async for key in self._board.watch():
            if key in self._ending and self._board.view(key) is None:
                again.set()

    async def _apply(self, snapshot: Snapshot) -> bool:
        entries = snapshot.entries.values()
        ports = {entry.key: entry.callers_port for entry in entries if entry.callers_port is not None}
        routing = route_services(((entry.order, entry.service) for entry in entries), ports)
        longest = max((entry.service.spec.wake.timeout.total_seconds() for entry in entries), default=0.0)
        self._ending = set(self._board.keys() - snapshot.entries.keys())
        hidden = (self._ending | snapshot.entries.keys()) - routing.routes.keys()
        routes = [*routing.routes.values(), *(Route(key, ()) for key in sorted(hidden))]
        wanted = (routes, max(longest, SHORTEST_WAKE))
        if wanted == self._last:
            self.versions = snapshot.versions
            return True
        try:
            applied = await self._edge.apply(wanted[0], longest_wake=wanted[1])
        except (EdgeUnavailable, OSError) as error:
            now = asyncio.get_running_loop().time()
            self._failing_since = now if self._failing_since is None else self._failing_since
            # A Caddy beside this process may start after it.
            say = log.warning if self.in_force.is_set() or now - self._failing_since >= QUIET else log.info
            say("routes could not be applied", error=str(error), again_in=TRY_AGAIN)
            self._metrics.applied(ok=False)
            return False
        self._failing_since = None
        self._metrics.applied(ok=not applied.rejected)
        self._last, self.versions = wanted, snapshot.versions
        self.in_force.set()
        before, self._routed = self._routed, frozenset(route.key for route in routes if route.claims)
        self._applied()
        self._changes.announce(*(self._routed - before))
        for key, reason in applied.rejected.items():
            log.warning("service cannot be routed", service=str(key), reason=reason)
        return True
