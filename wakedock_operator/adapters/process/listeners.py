"""Who listens on a port. An answer counts only when the listening socket belongs to the app's own processes."""

import os
import socket
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from wakedock_operator.adapters.process.procfs import marker, processes
from wakedock_operator.adapters.process.socket_diag import listening
from wakedock_operator.adapters.process.tree import members
from wakedock_operator.resource import Key

_LISTEN = "0A"
_V4 = (IPv4Address("127.0.0.1"), IPv4Address("0.0.0.0"))  # noqa: S104 - compared with, not bound
_V6 = (IPv6Address("::1"), IPv6Address("::"))


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket. IPv4 addresses in IPv6 clothes (`::ffff:127.0.0.1`) are shown as what they are."""

    address: IPv4Address | IPv6Address
    port: int
    inode: int


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that holds a socket, and the service it belongs to, if it does."""

    name: str
    pid: int
    service: Key | None

    def __str__(self) -> str:
        return f"{self.name}, process {self.pid}" + (f" of the service {self.service}" if self.service is not None else "")


@dataclass(frozen=True, slots=True)
class Finding:
    """Where the app itself can be dialled (`host:port`), or why not yet."""

    address: str = ""
    detail: str = ""


def find(*, port: int, leader: int, start_ticks: int, mark: str) -> Finding:
    """Whether the app with this first process listens on `port` of loopback. Looks through /proc: call it in a thread."""
    there = tuple(each for each in listeners() if each.port == port)
    if not there:
        return Finding(detail=f"nothing listens on port {port} yet")
    wanted, installation = {each.inode for each in there}, mark.partition("/")[0]
    own = wanted & sockets(leader)
    if own != wanted:
        for each in members(leader=leader, start_ticks=start_ticks, mark=mark):
            own |= wanted & sockets(each.pid)
    for addresses, host in ((_V4, "127.0.0.1"), (_V6, "[::1]")):
        reached = [each for each in there if each.address in addresses]
        if reached and all(each.inode in own for each in reached):
            return Finding(address=f"{host}:{port}")
    if not own:
        return Finding(detail=f"port {port} is answered by another process{named(owner(wanted, installation=installation))}")
    if any(each.inode in own for each in there if each.address in (*_V4, *_V6)):
        return Finding(detail=f"port {port} is shared with another process{named(owner(wanted - own, installation=installation))}")
    where = ", ".join(sorted(str(each.address) for each in there))
    return Finding(detail=f"port {port} is open on {where} only; let the app listen on 127.0.0.1 or 0.0.0.0")


def listeners() -> Iterator[Listener]:
    """Every listening TCP socket."""
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        try:
            found = [Listener(address=_address(packed), port=port, inode=inode) for packed, port, inode in listening(family)]
        except OSError:
            # Not every sandbox has that interface. The tables may take milliseconds: the kernel walks through all connections for them.
            found = list(_listed(table))
        yield from found


def _listed(table: str) -> Iterator[Listener]:
    """As /proc tells. Listening sockets come before all others, so the rest is not even read."""
    try:
        with Path("/proc/net", table).open(encoding="ascii") as file:
            next(file)
            for line in file:
                words = line.split()
                if words[3] != _LISTEN:
                    break
                host, _, port = words[1].rpartition(":")
                yield Listener(address=_address(_packed(host)), port=int(port, 16), inode=int(words[9]))
    except (FileNotFoundError, StopIteration):
        return


def sockets(pid: int) -> frozenset[int]:
    """The inodes of the sockets that a process holds; empty when it is gone or may not be looked at."""
    found = set()
    folder = f"/proc/{pid}/fd"
    try:
        for name in os.listdir(folder):  # noqa: PTH208 - thousands of them; strings are enough
            try:
                target = os.readlink(f"{folder}/{name}")  # noqa: PTH115 - as above
            except FileNotFoundError:
                continue
            if target.startswith("socket:["):
                found.add(int(target[8:-1]))
    except OSError:
        return frozenset()
    return frozenset(found)


def ports_of(*, leader: int, start_ticks: int, mark: str) -> tuple[int, ...]:
    """Every port on which the app with this first process listens. Looks through /proc: call it in a thread."""
    own = frozenset[int]().union(*(sockets(each.pid) for each in members(leader=leader, start_ticks=start_ticks, mark=mark)))
    return tuple(sorted({each.port for each in listeners() if each.inode in own}))


def owner(inodes: Iterable[int], *, installation: str) -> Owner | None:
    """Who holds one of these sockets; None when it cannot be seen. `installation` is the WakeDock whose services count as such."""
    wanted = frozenset(inodes)
    for each in processes().values():
        if wanted & sockets(each.pid):
            return Owner(each.name, each.pid, _service(marker(each.pid), installation))
    return None


def _service(mark: str, installation: str) -> Key | None:
    of, _, rest = mark.partition("/")
    try:
        return Key.from_file_name(rest.partition("/")[0]) if of == installation else None
    except ValueError:
        return None


def listening_on(port: int, *, installation: str) -> Owner | None:
    """Who listens on `port`, as `owner` says it."""
    return owner((each.inode for each in listeners() if each.port == port), installation=installation)


def named(who: Owner | None) -> str:
    """The owner in parentheses, for the end of a sentence."""
    return f" ({who})" if who is not None else ""


def _packed(text: str) -> bytes:
    # Groups of 32 bits, each in the byte order of the machine.
    return b"".join(int(text[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(text), 8))


def _address(packed: bytes) -> IPv4Address | IPv6Address:
    if len(packed) == 4:
        return IPv4Address(packed)
    address = IPv6Address(packed)
    return address.ipv4_mapped or address
