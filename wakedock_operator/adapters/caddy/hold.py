"""The named routes that ask the activator: the hold of a request that found no app, and WakeDock's own pages."""

from typing import Any

from wakedock_operator.adapters.caddy.options import CaddyOptions

Json = dict[str, Any]

HOLD = "hold"
AGAIN = "hold-again"
PAGE = "page"

HELD = "wakedock_held"
"""The variable that says whether the last hold of a request was answered with a grant."""
LOST = "X-Wakedock-Lost"
"""On an answer that is none: the question is to be asked once more."""

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

raise_again: Json = {"handle": [{"handler": "error", "error": "{http.error.message}", "status_code": "{http.error.status_code}"}]}
"""The last error route: where none matches, Caddy would answer an empty 200."""

_about_the_request = {
    "X-Wakedock-Service": [f"{{http.vars.{SERVICE}}}"],
    "X-Wakedock-Request": ["{http.request.uuid}"],
    "X-Wakedock-Client": ["{http.vars.client_ip}"],
    "X-Wakedock-Method": ["{http.request.method}"],
    "X-Wakedock-Host": ["{http.request.host}"],
    "X-Wakedock-Path": ["{http.request.uri.path_escaped}"],
    "X-Wakedock-Upgrade": ["{http.request.header.Upgrade}"],
    "Accept": ["{http.request.header.Accept}"],
    "Accept-Language": ["{http.request.header.Accept-Language}"],
    "User-Agent": ["{http.request.header.User-Agent}"],
}


def hold_routes(options: CaddyOptions, longest_wake: float, *, then: str) -> Json:
    """The named routes that ask where a request should go. 204 means the steering file is right; anything else is the client's answer.

    The body stays where it is, and no client header goes along as it is. Caddy asks again while the activator is away, for `longest_wake`
    seconds and a little more; there is no other time-out. Whoever invokes `HOLD` says what comes after a grant; after a question that was
    asked anew it is `then`, a named route.
    """
    # A terminal route goes on with its own handlers only.
    ask_again = {"terminal": True, "handle": [{"handler": "invoke", "name": name} for name in (AGAIN, then)]}
    young = {"expression": f"{{http.request.duration_ms}} < {(longest_wake + RETRY_MARGIN) * 1000:.1f}"}
    # What comes after an answered hold may fail as well: that is not the hold's error.
    unanswered = {"not": [{"vars": {f"{{http.vars.{HELD}}}": ["true"]}}]} | young
    routes = {
        "handler": "subroute",
        "routes": [{"handle": [_question(longest_wake) | _activator(options)]}],
        "errors": {"routes": [{"match": [unanswered]} | ask_again, raise_again]},
    }
    # The configuration that had taken the question over was replaced as well.
    too_late = {"handle": [{"handler": "error", "error": "nobody answers the question", "status_code": "502"}]}
    lost = {"match": {"headers": {LOST: ["*"]}}, "routes": [{"match": [young]} | ask_again, too_late]}
    return {
        HOLD: {"handle": [{"handler": "vars", HELD: False}, routes]},
        AGAIN: {"handle": [_question(longest_wake, lost) | _newest_configuration(options)]},
    }


def again_server(options: CaddyOptions, longest_wake: float) -> Json:
    """Asks the activator for requests that are held under an earlier configuration, whose own proxies no longer try again.

    Caddy ends all retries of a configuration when the next one is in force, while its requests go on. So each of them asks here when its
    own question failed: a new connection is always taken by the newest configuration.
    """
    proxy = _activator(options) | _retries(longest_wake)
    lost = {"handler": "static_response", "status_code": 502, "headers": {LOST: ["1"]}}
    unanswered = {"match": [{"expression": "{http.error.status_code} == 502"}], "terminal": True, "handle": [lost]}
    return {
        "listen": [f"unix/{options.again_socket}|0600"],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "routes": [{"handle": [proxy]}],
        "errors": {"routes": [unanswered, raise_again]},
    }


def _question(longest_wake: float, *no_answers: Json) -> Json:
    headers = _about_the_request | {
        "X-Wakedock-Age-Ms": ["{http.request.duration_ms}"],
        "Sec-Fetch-Mode": ["{http.request.header.Sec-Fetch-Mode}"],
        "Sec-Fetch-Dest": ["{http.request.header.Sec-Fetch-Dest}"],
        # Caddy refuses requests without one; `*` below takes it away.
        "Host": ["wakedock"],
    }
    return _retries(longest_wake) | {
        # A URI that no client can send: where a rewrite changes nothing, Caddy forwards the body.
        "rewrite": {"method": "GET", "uri": "/hold/{http.request.uuid}?"},
        "headers": {"request": {"delete": ["*"], "set": headers}, "response": {"delete": ["Server"]}},
        "handle_response": [
            {"match": {"status_code": [204]}, "routes": [{"handle": [{"handler": "vars", HELD: True}]}]},
            *no_answers,
            {"routes": [close_unread_body, {"handle": [{"handler": "copy_response"}]}]},
        ],
    }


def _retries(longest_wake: float) -> Json:
    seconds = {"try_duration": longest_wake + RETRY_MARGIN, "try_interval": TRY_INTERVAL}
    return {"load_balancing": {name: f"{round(value * 1000)}ms" for name, value in seconds.items()}}


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


def _newest_configuration(options: CaddyOptions) -> Json:
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"unix/{options.again_socket}"}],
        # A kept connection would lead to the configuration that had taken it.
        "transport": {"protocol": "http", "keep_alive": {"enabled": False}},
    }
