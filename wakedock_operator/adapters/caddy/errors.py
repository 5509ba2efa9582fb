"""What can be wrong with Caddy, each in one sentence that says what to do."""

from wakedock_operator.ports.edge import EdgeUnavailable


class CaddyError(EdgeUnavailable):
    """Caddy cannot be used. The message is for a person."""


class CaddyMissing(CaddyError):
    """There is no Caddy where it was looked for."""


class CaddyTooOld(CaddyError):
    """The Caddy that was found would lose requests."""


class ListenerTaken(CaddyError):
    """Somebody else listens where the gateway should."""


class AccessTimesUnkept(CaddyError):
    """The runtime directory's filesystem does not keep access times, so activity cannot be seen."""


class SocketPathTooLong(CaddyError):
    """A unix socket cannot have this path."""


class CaddyRefused(CaddyError):
    """Caddy answered, and refused the configuration; it goes on with the last one."""
