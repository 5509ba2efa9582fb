"""A Caddy that ends while others go on says so first: clients leave by themselves, and no request is lost in between."""

from typing import Any

from wakedock_operator.adapters.caddy.options import CaddyOptions

Json = dict[str, Any]

CLOSE: Json = {
    # An upgraded connection is nobody's to use again.
    "match": [{"vars": {"{http.shutting_down}": ["true"]}, "not": [{"header": {"Upgrade": ["*"]}}]}],
    "handle": [{"handler": "headers", "response": {"set": {"Connection": ["close"]}}}],
}
"""Ends the connection after the answer, in HTTP/2 by GOAWAY (RFC 9112 §9.6, RFC 9113 §6.8)."""


def farewell_routes(options: CaddyOptions) -> list[Json]:
    """What every request goes through first."""
    return [CLOSE] if options.farewell else []


def farewell_time(options: CaddyOptions) -> Json:
    """How long Caddy goes on at its end, as the settings of its HTTP app. A loading that gives up an address takes as long."""
    return {"shutdown_delay": f"{options.farewell}s"} if options.farewell else {}
