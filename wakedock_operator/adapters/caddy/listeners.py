"""Whether the addresses are free that Caddy is to listen on.

Caddy sets SO_REUSEPORT: beside another one that does, of the same user, it would start without an error and get half of the connections.
"""

import errno
import os
import socket
from collections.abc import Iterable

from wakedock_operator.adapters.caddy.errors import ListenerTaken, SocketPathTooLong
from wakedock_operator.adapters.caddy.options import MAX_SOCKET_PATH


def check_listeners(listen: Iterable[str]) -> None:
    """Raises ListenerTaken or SocketPathTooLong with a sentence. What Caddy itself can say better (a missing privilege) is left to it."""
    for address in listen:
        if address.startswith("unix/"):
            path = address.removeprefix("unix/").partition("|")[0]
            check_socket_path(path)
            if _answers(path):
                raise ListenerTaken(f"somebody already listens on {address}: stop it, or choose another --listen")
        else:
            _check_port(address)


def check_socket_path(path: str) -> None:
    """Raises SocketPathTooLong."""
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise SocketPathTooLong(f"the socket path {path} has more than the {MAX_SOCKET_PATH} bytes that Linux takes: choose a shorter one")


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


def _check_port(address: str) -> None:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not port.isdecimal():
        return
    try:
        with socket.socket(socket.AF_INET6 if ":" in host or not host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ListenerTaken(f"somebody already listens on {address}: stop it, or choose another --listen") from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise ListenerTaken(f"{address} is no address of this machine: choose another --listen") from error
