"""An edge in memory."""

from collections.abc import Mapping, Sequence

from wakedock_operator.core.routing import Route
from wakedock_operator.ports.edge import Applied, EdgeUnavailable, InFlight
from wakedock_operator.resource import Key


class FakeEdge:
    """The whole port, without traffic. A test says what is in flight (`busy`), what was asked for (`touch`) and whether anybody answers."""

    def __init__(self) -> None:
        self.routes: tuple[Route, ...] = ()
        """What is in force."""
        self.longest_wake: float | None = None
        self.loads = 0
        """How often a different configuration came in force."""
        self.available = True
        """False: Caddy does not answer. Steering works all the same."""
        self.took = 0.001
        """Seconds that an answer takes, as it says itself."""
        self.refuse: dict[Key, str] = {}
        """Services that cannot be routed, with the reason."""
        self.switches: list[tuple[Key, str | None]] = []
        """Every steering, in order."""
        self._rejected: dict[Key, str] = {}
        self._in_flight: dict[Key, int] = {}
        self._steering: dict[Key, str | None] = {}
        self._touched: set[Key] = set()
        self._activity: dict[Key, float] = {}

    def __repr__(self) -> str:
        return f"<FakeEdge loads={self.loads} steering={self._steering} in_flight={self._in_flight} available={self.available}>"

    def busy(self, key: Key, requests: int) -> None:
        """From now on so many requests are in flight."""
        self._in_flight[key] = requests

    def touch(self, key: Key, *, at: float) -> None:
        """A request comes at this time, in seconds since the epoch. Caddy has nothing to read for a service without steering."""
        if key in self._steering:
            self._touched.add(key)
            self._activity[key] = at

    @property
    def rejected(self) -> Mapping[Key, str]:
        """See Edge."""
        return self._rejected

    async def apply(self, routes: Sequence[Route], *, longest_wake: float) -> Applied:
        """See Edge."""
        self._answer()
        self._rejected = {route.key: self.refuse[route.key] for route in routes if route.key in self.refuse}
        wanted = tuple(sorted((route for route in routes if route.key not in self._rejected), key=lambda route: route.key))
        for route in wanted:
            self._steering.setdefault(route.key, None)
        if (wanted, longest_wake) != (self.routes, self.longest_wake):
            self.routes, self.longest_wake = wanted, longest_wake
            self.loads += 1
        return Applied(dict(self._rejected))

    async def in_flight(self) -> InFlight:
        """See Edge."""
        self._answer()
        return InFlight({key: count for key, count in self._in_flight.items() if count}, self.took)

    def steer(self, key: Key, address: str | None) -> None:
        """See Edge."""
        self._steering[key] = address
        self.switches.append((key, address))

    def steering(self, key: Key) -> str | None:
        """See Edge."""
        return self._steering.get(key)

    def touched(self, key: Key) -> bool:
        """See Edge."""
        if key not in self._touched:
            return False
        self._touched.remove(key)
        return True

    def last_touch(self, key: Key) -> float | None:
        """See Edge."""
        return self._activity.get(key)

    def unsteer(self, key: Key) -> None:
        """See Edge."""
        self._steering.pop(key, None)
        self._touched.discard(key)
        self._activity.pop(key, None)

    def _answer(self) -> None:
        if not self.available:
            raise EdgeUnavailable("the edge does not answer")
