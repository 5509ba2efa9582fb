"""Who counts as a gateway."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from .changes import Changes


class Gateways(Protocol):
    """The gateways whose word a sleep needs. A silent one counts as busy; only one that is gone for good is not listed."""

    @property
    def come_and_go(self) -> bool:
        """They are not always the same: who counts is listed where a decision rests on it."""
        ...

    def last(self) -> frozenset[str]:
        """The names as last listed. No I/O."""
        ...

    async def names(self) -> frozenset[str]:
        """The names, listed afresh and consistently. Raises OSError when nobody can say."""
        ...

    def gone(self) -> AsyncIterator[str]:
        """The name of each one that is seen to be gone for good, from the first step of this iterator on."""
        ...


@dataclass(frozen=True, slots=True)
class FixedGateways:
    """Always the same: those of one process."""

    always: frozenset[str]
    come_and_go: bool = False

    def last(self) -> frozenset[str]:
        """See Gateways."""
        return self.always

    async def names(self) -> frozenset[str]:
        """See Gateways."""
        return self.always

    def gone(self) -> AsyncIterator[str]:
        """See Gateways."""
        return Changes[str]().follow()
