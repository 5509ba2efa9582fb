"""Addresses to listen on, as Caddy writes them: `127.0.0.1:8080`, `[::1]:8080`, `:8080` (every interface), `unix//run/app.sock`.

Behind a bar a socket can have a mode, `unix//run/app.sock|0660`.
"""

import ipaddress
import os
import re
from dataclasses import dataclass

from wakedock_operator.resource.literals import literal

LONGEST_SOCKET_PATH = 107
"""Bytes of a unix socket's path on Linux (`sun_path`, less the final zero)."""

_tcp = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]*)):(?P<port>[0-9]{1,5})")

_mode = re.compile(r"0?[2367][0-7]{2}")


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    socket: str | None = None
    """With its mode behind a bar, if one is asked for."""

    def __str__(self) -> str:
        if self.socket is not None:
            return f"unix/{self.socket}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """True when only this machine can reach it."""
        if self.socket is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address. Raises ValueError with a sentence."""
        literal(text)
        if text.startswith("unix/"):
            path, bar, mode = text.removeprefix("unix/").partition("|")
            if bar and not _mode.fullmatch(mode):
                raise ValueError(f"{text!r} has no mode after the bar: write 'unix//run/app.sock|0660'; the owner must be let write")
            return cls(socket=f"{socket_path(path)}{bar}{mode}")
        match = _tcp.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not an address: write '127.0.0.1:8080', ':8080' for every interface, or 'unix//run/app.sock'")
        port = int(match["port"])
        if not 1 <= port <= 65535:
            raise ValueError(f"{text!r} has no port between 1 and 65535")
        if match["ipv6"] is not None:
            return cls(str(ipaddress.IPv6Address(match["ipv6"])), port)
        return cls(match["host"], port)


def socket_path(path: str) -> str:
    """Return `path` if a unix socket can be there. Raises ValueError with a sentence."""
    if not path.startswith("/"):
        raise ValueError(f"'unix/{path}' needs the whole path of the socket, as in 'unix//run/app.sock'")
    size = len(os.fsencode(path))
    if size > LONGEST_SOCKET_PATH:
        raise ValueError(f"the socket path {path!r} has {size} bytes; Linux allows {LONGEST_SOCKET_PATH}, so choose a shorter one")
    return path
