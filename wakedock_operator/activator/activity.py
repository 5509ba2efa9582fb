"""What passes through the edge: touches of the steering files, and requests in flight."""

from wakedock_operator.core.status import Serving, Status
from wakedock_operator.ports.clock import Clock
from wakedock_operator.ports.edge import Edge, EdgeUnavailable, InFlight

from .draining import RETRY, Draining
from .service import Service


class Activity:
    """Looks at one edge for all services. An edge that does not answer is busy: it is unknown."""

    def __init__(self, edge: Edge, clock: Clock) -> None:
        self._edge = edge
        self._clock = clock
        self._shared: tuple[float, InFlight] | None = None
        """The last list that was asked for to see idleness, and when."""

    async def look(self, service: Service, status: Status, *, anew: bool = False) -> None:
        """Look for activity when it is time to, or anyway (`anew`): a touch of the steering file, else something in flight."""
        now = self._clock.monotonic()
        idleness = service.idleness
        if status.serving is not Serving.AWAKE or service.memory.epoch != status.epoch or (now < idleness.next_look() and not anew):
            return
        touched = self._edge.touched(service.key)
        if touched:
            service.last_request = now
        active = touched or await self._busy_since(service, idleness.looked)
        service.idleness = idleness.after_look(self._clock.monotonic(), active=active)

    async def drain(self, service: Service, epoch: int, *, before: int = 0) -> float | None:
        """Go on with the drain of `epoch`; returns until when to pause, None when its outcome is known.

        `before` says how many other gateways report first.
        """
        draining = service.draining
        if draining is None or draining.epoch != epoch:
            draining = service.draining = Draining(epoch, before)
        now = self._clock.monotonic()
        if now < draining.next_look:
            return draining.next_look
        try:
            look = await self._edge.in_flight()
        except EdgeUnavailable:
            draining.unanswered()
            return self._clock.monotonic() + RETRY
        cut = self._cut(service)
        busy, ignored = not cut and look.counted(service.key) > 0, not cut and look.ignored.get(service.key, 0) > 0
        draining.after_look(in_flight=busy, ignored=ignored, took=look.took, asked_at=now, now=self._clock.monotonic())
        return None if draining.quiet or draining.in_flight else draining.next_look

    async def in_flight(self, service: Service) -> int:
        """Requests of one service in flight now; 0 also where the edge does not answer."""
        try:
            return (await self._edge.in_flight()).of(service.key)
        except EdgeUnavailable:
            return 0

    async def _busy_since(self, service: Service, looked: float | None) -> bool:
        """Whether something is in flight, by a list that is newer than the service's last look: what began before that was seen by it."""
        if self._shared is None or looked is None or self._shared[0] <= looked:
            asked_at = self._clock.monotonic()
            try:
                self._shared = (asked_at, await self._edge.in_flight())
            except EdgeUnavailable:
                return True
        return self._shared[1].counted(service.key) > 0 and not self._cut(service)

    def _cut(self, service: Service) -> bool:
        """Whether what is in flight may be cut: no new request came for `sleep.maxConnectionAge`."""
        longest = service.entry.service.spec.sleep.max_connection_age if service.entry is not None else None
        return longest is not None and self._clock.monotonic() - service.last_request >= longest.total_seconds()
