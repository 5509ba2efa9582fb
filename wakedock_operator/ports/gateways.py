"""Who counts as a gateway."""

from typing import Protocol


class Gateways(Protocol):
    """The gateways whose word a sleep needs. A silent one counts as busy; only one that is gone for good is not listed."""

    def last(self) -> frozenset[str]:
        """The names as last listed. No I/O."""
        ...

    async def names(self) -> frozenset[str]:
        """The names, listed afresh and consistently. Raises OSError when nobody can say."""
        ...
