"""Whether the addresses are free that Caddy is to listen on.

Caddy sets SO_REUSEPORT: beside another one that does, of the same user, it would start without an error and get half of the connections.
"""

import errno
import os
import socket
from collections.abc import Iterable
from pathlib import Path

from wakedock_operator.adapters.caddy.errors import ListenerTaken, SocketPathTooLong
from wakedock_operator.adapters.caddy.options import MAX_SOCKET_PATH


def check_listeners(listen: Iterable[str], *, caddy: Path) -> None:
    """Raises ListenerTaken or SocketPathTooLong with a sentence. `caddy` is the program that is to listen."""
    for address in listen:
        if address.startswith("unix/"):
            path = address.removeprefix("unix/").partition("|")[0]
            check_socket_path(path)
            if _answers(path):
                raise ListenerTaken(f"somebody already listens on {address}: stop it, or choose another --listen")
        else:
            _check_port(address, caddy)


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


def _check_port(address: str, caddy: Path) -> None:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not port.isdecimal():
        return
    try:
        with socket.socket(socket.AF_INET6 if ":" in host or not host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
    except socket.gaierror as error:
        raise ListenerTaken(f"the host of {address} is not known ({error.strerror}): choose another --listen") from error
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EPERM} and not _has_capabilities(caddy):
            allow = f"sudo setcap cap_net_bind_service=+ep {caddy}"
            raise ListenerTaken(f"this user may not listen on {address}: choose a --listen with a port above 1023, or: {allow}") from error
        if error.errno == errno.EADDRINUSE:
            raise ListenerTaken(f"somebody already listens on {address}: stop it, or choose another --listen") from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise ListenerTaken(f"{address} is no address of this machine: choose another --listen") from error


def _has_capabilities(program: Path) -> bool:
    """It may be allowed more than this process is."""
    try:
        return bool(os.getxattr(program, "security.capability"))
    except OSError:
        return False
