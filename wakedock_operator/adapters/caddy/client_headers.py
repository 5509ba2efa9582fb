"""Headers that apps believe because a proxy usually wrote them: a client must not be able to."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

TRUSTED_HEADERS = (
    "CF-Connecting-IP",
    "Fastly-Client-IP",
    "Forwarded",
    "Remote-*",
    "True-Client-IP",
    "X-Auth-Request-*",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Forwarded-*",
    "X-Original-*",
    "X-Real-IP",
    "X-Remote-*",
    "X-Rewrite-URL",
    "X-Wakedock-*",
)
"""Deleted from requests of all peers but trusted proxies. Caddy then writes X-Forwarded-For, -Host and -Proto itself. Others pass."""


def untrusted_headers(trusted_proxies: Sequence[str]) -> Json:
    """A route that strips what only a proxy may say."""
    # In small letters, into which Caddy would turn each name anew at each request.
    names = [name.lower() for name in TRUSTED_HEADERS]
    route: Json = {"handle": [{"handler": "headers", "request": {"delete": names}}]}
    trusted: list[Json] = []
    networks = [proxy for proxy in trusted_proxies if proxy != "unix"]
    if networks:
        trusted.append({"remote_ip": {"ranges": networks}})
    if "unix" in trusted_proxies:
        trusted.append({"expression": "{http.request.remote} == '@'"})
    if trusted:
        route["match"] = [{"not": trusted}]
    return route
