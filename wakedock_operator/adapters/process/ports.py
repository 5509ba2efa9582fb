"""Ports that no stranger gets by chance.

A free port is taken from outside the kernel's ephemeral range, because inside of it any outgoing connection and any server that binds
port 0 may get the number at any moment. Every start gets a new one, so that nothing dials what is left of an earlier instance.
"""

import errno
import secrets
import socket
from collections.abc import Container
from pathlib import Path

from wakedock_operator.adapters.process.refused import StartRefused
from wakedock_operator.core.status import FailureReason
from wakedock_operator.resource import Key

LOWEST = 10_000
"""Below lie the customary ports of databases and development servers, which people start by hand."""

HIGHEST = 65_535


def candidates(range_file: Path = Path("/proc/sys/net/ipv4/ip_local_port_range")) -> tuple[range, range]:
    """The ports below and above the ephemeral range."""
    low, high = (int(word) for word in range_file.read_text(encoding="ascii").split())
    return range(LOWEST, min(low, HIGHEST + 1)), range(max(high + 1, LOWEST), HIGHEST + 1)


def bindable(port: int, *, everywhere: bool) -> bool:
    """Whether a server could bind the port now: on every address with nothing at all left on it, or else as servers do, on loopback.

    Raises PermissionError for a port that needs privileges.
    """
    addresses = ("0.0.0.0", "::") if everywhere else ("127.0.0.1", "::1")  # noqa: S104 - bound for a moment, never listened on
    return all(_bindable(address, port, reuse=not everywhere) for address in addresses)


def free(port: int) -> bool:
    """Whether a server could bind the port now; true also where that takes privileges, which whoever starts it finds out."""
    try:
        return bindable(port, everywhere=False)
    except PermissionError:
        return True


def _bindable(address: str, port: int, *, reuse: bool) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
            if family is socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except PermissionError:
        raise
    except OSError as error:
        # A machine without IPv6 has nobody listening there.
        return error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
    return True


def choose(taken: Container[int]) -> int:
    """A free port, at random. Raises StartRefused when there is none."""
    below, above = candidates()
    count = len(below) + len(above)
    if count:
        start = secrets.randbelow(count)
        for offset in range(count):
            index = (start + offset) % count
            port = below[index] if index < len(below) else above[index - len(below)]
            if port not in taken and bindable(port, everywhere=True):
                return port
    raise StartRefused(
        FailureReason.BACKEND,
        f"no port above {LOWEST} is free outside of net.ipv4.ip_local_port_range; narrow that range or give the service a port",
    )


class PortBook:
    """Which port belongs to which service: that of its instance, or one reserved for its next start."""

    def __init__(self) -> None:
        self._ports: dict[Key, int] = {}
        self._fixed: dict[Key, int] = {}

    def fix(self, key: Key, port: int | None) -> bool:
        """The definition names a port, or none: no other service is given it. True when that is news."""
        before = self._fixed.pop(key, None)
        if port is not None:
            self._fixed[key] = port
        return before != port

    def occupy(self, key: Key, port: int) -> None:
        """The instance of `key` has this port, or its next start must have it."""
        self._ports[key] = port

    def get(self, key: Key) -> int | None:
        """The port of the instance, or the reserved one."""
        return self._ports.get(key)

    def reserve(self, key: Key) -> int:
        """The port of the instance, or of the next start: it stays the same until `release`. Raises StartRefused when none is free."""
        if key not in self._ports:
            fixed = self._fixed.get(key)
            self._ports[key] = choose({*self._ports.values(), *self._fixed.values()}) if fixed is None else fixed
        return self._ports[key]

    def release(self, key: Key) -> None:
        """The next start gets a new port."""
        self._ports.pop(key, None)
