"""Which port of the gateways belongs to which service."""

import random
from collections.abc import Callable, Mapping

from wakedock_operator.resource import Key

FIRST, LAST = 20_000, 29_999
"""Below the node ports (30000) and the ports that Linux gives to connections (32768)."""
REST = 3600.0
"""Seconds for which a port that was given back is given to nobody: callers may still have connections to it in their pools."""


class NoPortLeft(Exception):
    """Every port is in use, or was a short while ago."""


class Ports:
    """Given ports, and those that rest. `clock` is in seconds since the epoch.

    `freed` is called with each port that begins to rest. Ports are given one after the other from a random one on,
    so that one which was given back is the last to be given again.
    """

    def __init__(self, clock: Callable[[], float], freed: Callable[[int], None], *, first: int = FIRST, last: int = LAST) -> None:
        self._clock = clock
        self._freed = freed
        self._first = first
        self._last = last
        self._next = random.randint(first, last)  # noqa: S311 - no secret
        self._by_port: dict[int, Key] = {}
        self._by_key: dict[Key, int] = {}
        self._resting: dict[int, float] = {}

    def __repr__(self) -> str:
        return f"<Ports {len(self._by_port)} given, {len(self._resting)} resting>"

    def claim(self, key: Key, port: int) -> bool:
        """Note that `key` has `port`; False where that is another one's, or none of these ports."""
        if not self._first <= port <= self._last or self._by_port.get(port, key) != key:
            return False
        if self._by_key.get(key, port) != port:
            self.free(key)
        self._by_port[port], self._by_key[key] = key, port
        self._resting.pop(port, None)
        return True

    def give(self, key: Key) -> int:
        """The port of `key`, a new one if it has none. Raises NoPortLeft."""
        if key in self._by_key:
            return self._by_key[key]
        now = self._clock()
        for _ in range(self._first, self._last + 1):
            port = self._next
            self._next = port + 1 if port < self._last else self._first
            if port not in self._by_port and self._resting.get(port, now) <= now:
                self.claim(key, port)
                return port
        raise NoPortLeft(f"no port between {self._first} and {self._last} is free")

    def free(self, key: Key) -> None:
        """`key` needs its port no more."""
        port = self._by_key.pop(key, None)
        if port is not None:
            del self._by_port[port]
            self._rest(port)

    def rests(self, port: int) -> float | None:
        """Until when nobody gets `port`; None where it does not rest."""
        return self._resting.get(port)

    def remember(self, record: Mapping[int, float | None]) -> tuple[int, ...]:
        """Take in what another process has written of ports, after those of all services were claimed; returns ports that it may forget.

        One that was given and is nobody's any more was given back while nobody looked: it rests from now on.
        """
        now, over = self._clock(), []
        for port, until in record.items():
            if port in self._by_port:
                continue
            if until is None:
                self._rest(port)
            elif until > now:
                self._resting[port] = until
            else:
                over.append(port)
        return tuple(over)

    def given(self) -> frozenset[int]:
        """Every port that somebody has."""
        return frozenset(self._by_port)

    def _rest(self, port: int) -> None:
        self._resting[port] = self._clock() + REST
        self._freed(port)
