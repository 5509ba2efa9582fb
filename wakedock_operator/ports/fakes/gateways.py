"""Gateways in memory that come and go."""

from collections.abc import AsyncIterator

from wakedock_operator.ports.changes import Changes


class FakeGateways:
    """`Gateways` that a test sends away."""

    come_and_go = True

    def __init__(self, *names: str) -> None:
        self._names = frozenset(names)
        self._gone: Changes[str] = Changes()

    def __repr__(self) -> str:
        return f"<FakeGateways {sorted(self._names)}>"

    def last(self) -> frozenset[str]:
        return self._names

    async def names(self) -> frozenset[str]:
        return self._names

    def gone(self) -> AsyncIterator[str]:
        return self._gone.follow()

    def leave(self, name: str) -> None:
        """One is gone for good."""
        self._names -= {name}
        self._gone.announce(name)
