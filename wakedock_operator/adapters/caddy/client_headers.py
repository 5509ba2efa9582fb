"""Headers that apps believe because a proxy usually wrote them: a client must not be able to."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

TRUSTED_HEADERS = (
    "CF-Connecting-IP",
    "Client-IP",
    "Fastly-Client-IP",
    "Forwarded",
    "Forwarded-For",
    "Remote-*",
    "True-Client-IP",
    "X-Auth-Request-*",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Forwarded",
    "X-Forwarded-*",
    "X-Original-*",
    "X-Real-IP",
    "X-Remote-*",
    "X-Rewrite-URL",
    "X-Scheme",
    "X-Wakedock-*",
    "X-WebAuth-User",
)
"""Deleted from requests of all peers but trusted proxies. Caddy then writes X-Forwarded-For, -Host and -Proto itself. Others pass.

For each name with a `*` Caddy walks through all headers of a request, so there are few.
"""


def client_headers(trusted_proxies: Sequence[str]) -> list[Json]:
    """Routes that take from requests what their client may not say."""
    return [_untrusted(trusted_proxies), _tunnels()]


def _untrusted(trusted_proxies: Sequence[str]) -> Json:
    """A route that strips what only a proxy may say."""
    # In small letters, into which Caddy would turn each name anew at each request.
    names = [name.lower() for name in TRUSTED_HEADERS]
    route: Json = {"handle": [{"handler": "headers", "request": {"delete": names}}]}
    trusted = from_trusted(trusted_proxies)
    if trusted:
        route["match"] = [{"not": trusted}]
    return route


def from_trusted(trusted_proxies: Sequence[str]) -> list[Json]:
    """Matchers of requests from trusted proxies, one for each way in which they reach Caddy."""
    trusted: list[Json] = []
    networks = [proxy for proxy in trusted_proxies if proxy != "unix"]
    if networks:
        trusted.append({"remote_ip": {"ranges": networks}})
    if "unix" in trusted_proxies:
        trusted.append({"expression": "{http.request.remote} == '@'"})
    return trusted


def _tunnels() -> Json:
    """A route that offers no app HTTP/2 within HTTP/1.1 (`Upgrade: h2c`): requests in such a tunnel would pass by every other route."""
    offers = {"header_regexp": {"Upgrade": {"pattern": r"(?i)\bh2c\b"}}}
    return {"match": [offers], "handle": [{"handler": "headers", "request": {"delete": ["upgrade", "http2-settings"]}}]}
