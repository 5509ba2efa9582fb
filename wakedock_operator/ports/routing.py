"""Whether what definitions say is in force where requests come in."""

from collections.abc import AsyncIterator
from typing import Protocol

from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import Key


class Routing(Protocol):
    """What gateways in other processes route by."""

    def pending(self, entry: Entry) -> str | None:
        """Why requests may not be routed by this definition yet; None when they are, and for one that nothing is routed to. No I/O."""
        ...

    def refused(self, entry: Entry) -> str | None:
        """Why Caddy refused the route of this definition: requests do not reach it. None where it did not. No I/O."""
        ...

    def changes(self) -> AsyncIterator[Key]:
        """Every service whose answer changed, from now on."""
        ...
