"""Whether the addresses are free that Caddy is to listen on.

Caddy sets SO_REUSEPORT: beside another one that does, of the same user, it would start without an error and get half of the connections.
"""

import errno
import ipaddress
import os
import socket
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from wakedock_operator.adapters.caddy.errors import ListenerTaken, SocketPathTooLong
from wakedock_operator.adapters.caddy.options import MAX_SOCKET_PATH
from wakedock_operator.adapters.caddy.process import Process
from wakedock_operator.adapters.process.listeners import listeners, sockets


def check_listeners(listen: Iterable[str], *, caddy: Path, running: Process | None = None, held: Sequence[str] = ()) -> None:
    """Raises ListenerTaken or SocketPathTooLong with a sentence. `caddy` is the program that is to listen.

    One that is `running` holds the addresses `held` already; they are not looked at, and it is in nobody's way. Blocks for milliseconds.
    """
    for address in listen:
        if address in held:
            continue
        if address.startswith("unix/"):
            _check_socket(address, running)
        else:
            _check_port(address, caddy, lambda host, port: running is not None and _only(running, held, host, port))


def check_socket_path(path: str) -> None:
    """Raises SocketPathTooLong."""
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise SocketPathTooLong(f"the socket path {path} has more than the {MAX_SOCKET_PATH} bytes that Linux takes: choose a shorter one")


def _check_socket(address: str, running: Process | None) -> None:
    path = Path(address.removeprefix("unix/").partition("|")[0])
    check_socket_path(str(path))
    _check_folder(address, path.parent)
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    # Caddy would delete whatever is there.
    if not stat.S_ISSOCK(found.st_mode):
        raise ListenerTaken(f"at {path} there is something that is no socket: take it away, or choose another --listen than {address}")
    other = Process.listening(path)
    if other is not None and other == running:
        return
    if other is not None or _answers(path):
        raise ListenerTaken(f"somebody already listens on {address}: stop it, or choose another --listen")
    above = path.parent.stat()
    if above.st_mode & stat.S_ISVTX and os.geteuid() not in {0, found.st_uid, above.st_uid}:
        raise ListenerTaken(f"the socket {path} belongs to another user: take it away, or choose another --listen than {address}")


def _check_folder(address: str, folder: Path) -> None:
    if not folder.is_dir():
        raise ListenerTaken(f"there is no folder {folder} for {address}: create it, or choose another --listen")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ListenerTaken(f"this user may not create {address} in its folder: permit that, or choose another --listen")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _check_port(address: str, caddy: Path, ours: Callable[[str, int], bool]) -> None:
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
        if error.errno == errno.EADDRINUSE and not ours(host, int(port)):
            raise ListenerTaken(f"somebody already listens on {address}: stop it, or choose another --listen") from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise ListenerTaken(f"{address} is no address of this machine: choose another --listen") from error


def _only(running: Process, held: Sequence[str], host: str, port: int) -> bool:
    """Whether nobody but this Caddy listens where `host:port` is, or at an address that overlaps."""
    own = sockets(running.pid)
    if not own:
        # Nobody may look into a program with capabilities.
        return any(address.endswith(f":{port}") for address in held)
    return {each.inode for each in listeners() if each.port == port and _overlap(host, each.address)} <= own


def _overlap(host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """A name may be any address."""
    try:
        wanted = ipaddress.ip_address(host)
    except ValueError:
        return True
    return wanted == address or wanted.is_unspecified or address.is_unspecified


def _has_capabilities(program: Path) -> bool:
    """It may be allowed more than this process is."""
    try:
        return bool(os.getxattr(program, "security.capability"))
    except OSError:
        return False
