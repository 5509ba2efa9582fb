"""The named routes that ask the activator: the hold of a request that found no app, and WakeDock's own pages."""

from typing import Any

from wakedock_operator.adapters.caddy.options import CaddyOptions

Json = dict[str, Any]

HOLD = "hold"
PAGE = "page"

RETRY_MARGIN = 5.0
"""Seconds for which Caddy asks on after the longest wake, so that the activator's own answer comes first."""

TRY_INTERVAL = 0.25
"""Seconds after which Caddy asks again while the activator is away."""

SERVICE = "wakedock_service"
"""The variable in which a route names its service."""

_unread_http1_body = [
    {"expression": "{http.request.proto}.startsWith('HTTP/1')", "header": {"Content-Length": ["*"]}},
    {"expression": "{http.request.proto}.startsWith('HTTP/1')", "header": {"Transfer-Encoding": ["*"]}},
]
close_unread_body: Json = {
    "match": _unread_http1_body,
    "handle": [{"handler": "headers", "response": {"set": {"Connection": ["close"]}}}],
}
"""An answer to a request whose HTTP/1 body nobody reads comes at once only if it closes the connection."""

_about_the_request = {
    "X-Wakedock-Service": [f"{{http.vars.{SERVICE}}}"],
    "X-Wakedock-Request": ["{http.request.uuid}"],
    "X-Wakedock-Client": ["{http.vars.client_ip}"],
    "X-Wakedock-Method": ["{http.request.method}"],
    "X-Wakedock-Host": ["{http.request.host}"],
    "X-Wakedock-Path": ["{http.request.uri.path_escaped}"],
    "Accept": ["{http.request.header.Accept}"],
    "Accept-Language": ["{http.request.header.Accept-Language}"],
    "User-Agent": ["{http.request.header.User-Agent}"],
}


def hold_route(options: CaddyOptions, longest_wake: float) -> Json:
    """Ask, without the body, where the request should go. 204 means the steering file is right; anything else is the client's answer.

    No client header goes along as it is. Caddy asks again while the activator is away, for `longest_wake` seconds and a little more;
    there is no other time-out.
    """
    headers = _about_the_request | {
        "X-Wakedock-Age-Ms": ["{http.request.duration_ms}"],
        "Sec-Fetch-Mode": ["{http.request.header.Sec-Fetch-Mode}"],
        "Sec-Fetch-Dest": ["{http.request.header.Sec-Fetch-Dest}"],
    }
    proxy = _activator(options) | {
        "load_balancing": {
            "try_duration": f"{round((longest_wake + RETRY_MARGIN) * 1000)}ms",
            "try_interval": f"{round(TRY_INTERVAL * 1000)}ms",
        },
        # A URI that no client can send: where a rewrite changes nothing, Caddy forwards the body.
        "rewrite": {"method": "GET", "uri": "/hold/{http.request.uuid}?"},
        "headers": {"request": {"delete": ["*"], "set": headers}, "response": {"delete": ["Server"]}},
        "handle_response": [
            {
                "match": {"status_code": [204]},
                "routes": [{"handle": [{"handler": "vars", "wakedock_held": True}]}],
            },
            {"routes": [close_unread_body, {"handle": [{"handler": "copy_response"}]}]},
        ],
    }
    return {"handle": [proxy]}


READ_ONLY_PROBLEM = r'\{"type":"https://wakedock.dev/problems/method-not-allowed","title":"Method not allowed","status":405\}'
"""RFC 9457, with braces escaped from Caddy."""


def page_route(options: CaddyOptions) -> Json:
    """WakeDock's own pages, below `/.wakedock/`: progress events and assets. They touch no steering file."""
    headers = _about_the_request | {"Last-Event-ID": ["{http.request.header.Last-Event-ID}"]}
    proxy = _activator(options) | {
        "flush_interval": -1,
        "headers": {"request": {"delete": ["*"], "set": headers}, "response": {"delete": ["Server"]}},
    }
    refusal = {
        "handler": "static_response",
        "status_code": 405,
        "headers": {"Allow": ["GET, HEAD"], "Content-Type": ["application/problem+json"], "Cache-Control": ["no-store"]},
        "body": READ_ONLY_PROBLEM,
    }
    # Nothing here takes a body; one that comes without a length ends the request when it is read.
    allowed = {"match": [{"method": ["GET", "HEAD"], "not": _unread_http1_body}], "terminal": True}
    return {
        "handle": [
            {
                "handler": "subroute",
                "routes": [
                    allowed | {"handle": [{"handler": "request_body", "max_size": 1}, proxy]},
                    close_unread_body,
                    {"handle": [refusal]},
                ],
            }
        ]
    }


def _activator(options: CaddyOptions) -> Json:
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"unix/{options.activator_socket}"}],
        "transport": {"protocol": "http", "keep_alive": {"max_idle_conns_per_host": 256}},
    }
