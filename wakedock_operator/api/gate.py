"""Who may use the control API when it listens on an address. Its unix socket is guarded by the file's mode instead."""

import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from wakedock_operator.api.problems import FOREIGN, UNAUTHENTICATED, Handler, Problem

OPEN_PATHS = frozenset({"/health"})
"""Probes carry no token."""

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Gate:
    """The rules of one listener. Outside loopback there must be a token; with `host` on loopback, only loopback's names are let through."""

    host: str
    loopback: bool
    token: str | None = None

    def __post_init__(self) -> None:
        if not self.loopback and not self.token:
            raise ValueError(f"the control API must not listen on {self.host or 'every interface'} without a token")

    def __repr__(self) -> str:
        return f"<Gate of {self.host or '*'}{', with a token' if self.token else ''}>"

    def middleware(self) -> Middleware:
        """Refuses what these rules do not let through."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.check(request)
            return await handler(request)

        return guard

    def check(self, request: web.Request) -> None:
        """Raises Problem."""
        host = _host_name(request.headers.get("Host", ""))
        if self.loopback and host not in _LOOPBACK_NAMES | {self.host}:
            # A page of a stranger whose name resolves to 127.0.0.1 (DNS rebinding) sends its own name.
            raise Problem(FOREIGN, f"The control API is not known as {host!r} here. Ask for localhost or 127.0.0.1.")
        if request.method not in _SAFE_METHODS:
            _refuse_other_origins(request)
        if self.token is None or request.path in OPEN_PATHS:
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self.token.encode()):
            raise Problem(UNAUTHENTICATED, "Send the API token as 'Authorization: Bearer …'.")


def _refuse_other_origins(request: web.Request) -> None:
    """A page of another site can send a browser here, with POST too; it cannot hide where it comes from."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    origin = request.headers.get("Origin")
    if site not in {"none", "same-origin"} or (origin is not None and origin.partition("://")[2] != request.headers.get("Host")):
        raise Problem(FOREIGN, "A page of another site may not steer WakeDock.")


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
