"""The rendered configuration, walked string by string."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.caddy.gateway import route
from wakedock_operator.adapters.caddy.hold import READ_ONLY_PROBLEM
from wakedock_operator.adapters.caddy.literals import unfit
from wakedock_operator.adapters.caddy.options import CaddyOptions, Tls
from wakedock_operator.adapters.caddy.render import render, sealed
from wakedock_operator.adapters.caddy.services import DORMANT_PROBLEM
from wakedock_operator.core.routing import Ignore, Route, Upstream
from wakedock_operator.resource import Key

OPTIONS = CaddyOptions(runtime=Path("/run/wakedock"), data=Path("/var/lib/wakedock"))
PLACEHOLDER = re.compile(
    r"\{(?:"
    r"file\./run/wakedock/(?:steer|ignored)/[a-z0-9-]+\.[a-z0-9-]+"
    r"|http\.request\.(?:uuid|method|host|hostport|proto|duration_ms|uri|uri\.path_escaped)"
    r"|http\.request\.header\.(?:Accept|Accept-Language|User-Agent|Sec-Fetch-Mode|Sec-Fetch-Dest|Upgrade|Last-Event-ID)"
    r"|http\.request\.remote"
    r"|http\.shutting_down"
    r"|wakedock_owner"
    r"|http\.error\.(?:message|status_code)"
    r"|http\.vars\.(?:client_ip|wakedock_service|wakedock_held|wakedock_dormant_status|wakedock_dormant_body)"
    r")\}"
)
HOSTILE = ("{env.HOME}", "{file./etc/hostname}", "x{env.HOME}y", "{", "}", "{{", "\\{env.HOME\\}", "{http.request.header.Cookie}")


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def assert_harmless(configuration: dict[str, Any]) -> None:
    for text in strings(configuration):
        left = PLACEHOLDER.sub("", text)
        # The texts with braces of their own, escaped.
        for problem in (DORMANT_PROBLEM, READ_ONLY_PROBLEM):
            left = left.replace(PLACEHOLDER.sub("", problem), "")
        assert "{" not in left, text
        assert "}" not in left, text
        assert text not in {"enable_full_duplex", "request_buffers", "response_buffers"}


def hostile_routes(text: str) -> list[Route]:
    return [
        route("host", text),
        route("host2", f"a.{text}.test"),
        route("path", "p.test", paths=(f"/{text}",)),
        route("agent", "u.test", ignore=Ignore(user_agents=(text,))),
        route("ignored", "i.test", ignore=Ignore(paths=(f"/{text}",))),
        route("method", "m.test", ignore=Ignore(methods=(text,))),
        route("network", "n.test", ignore=Ignore(cidrs=(text,))),
        route("body", "b.test", ignore=Ignore(paths=("/",), body=text)),
    ]


def ordinary_routes() -> list[Route]:
    ignore = Ignore(("Bot",), ("/healthz",), ("HEAD",), ("10.0.0.0/8",), 200, 'asleep "now"\n')
    return [
        route("web", "web.test", "*.web.test", paths=("/", "/a"), ignore=ignore, max_connections=3),
        route("grpc", "grpc.test", upstream=Upstream.H2C, ignore=Ignore(methods=("HEAD",))),
        route("tls", "tls.test", upstream=Upstream.HTTPS),
        *(route(f"s{i}", f"s{i}.test") for i in range(300)),
    ]


@pytest.mark.parametrize("tls", list(Tls))
def test_only_our_own_placeholders_are_in_it_and_no_dangerous_option(tls):
    options = CaddyOptions(
        OPTIONS.runtime, OPTIONS.data, tls=tls, farewell=1.0, trusted_proxies=("10.0.0.0/8", "unix"), listen=(":8443", ":80")
    )
    assert_harmless(render(options, ordinary_routes(), 60))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_wherever_it_stands(text):
    assert [route.key.name for route in hostile_routes(text) if unfit(route) is None] == []


@given(text=st.lists(st.sampled_from([*"{}\\/.*a:$()[]|\"'\n", "env.HOME", "file./etc/hostname", "é"]), max_size=12).map("".join))
def test_whatever_passes_is_harmless(text):
    fit = [route for route in hostile_routes(text) if unfit(route) is None]
    assert_harmless(render(OPTIONS, fit, 60))


def test_the_order_of_routes_does_not_matter_and_every_change_does():
    routes = ordinary_routes()
    _, revision = sealed(render(OPTIONS, routes, 60))
    assert sealed(render(OPTIONS, routes[::-1], 60))[1] == revision
    others = [
        sealed(render(OPTIONS, routes[1:], 60))[1],
        sealed(render(OPTIONS, routes, 61))[1],
        sealed(render(CaddyOptions(OPTIONS.runtime, OPTIONS.data, listen=(":1",)), routes, 60))[1],
    ]
    assert len({revision, *others}) == 4


def test_the_hash_stands_in_what_caddy_gets():
    content, revision = sealed(render(OPTIONS, ordinary_routes(), 60))
    named = json.loads(content)["apps"]["http"]["servers"]["wakedock"]["named_routes"]
    assert named["revision"] == {"handle": [{"handler": "vars", "revision": revision}]}


def test_one_service_has_one_proxy_however_many_hosts_and_paths_lead_to_it():
    claims = (("a.test", "/"), ("b.test", "/b"), ("*.c.test", "/"), ("d.test", "/"), ("d.test", "/d"))
    configuration = render(OPTIONS, [Route(Key("default", "web"), claims), route("other", "b.test")], 60)
    dials = [text for text in strings(configuration) if "default.web" in text and "file." in text]
    assert dials == ["{file./run/wakedock/steer/default.web}"]


def test_the_hold_outlasts_the_longest_wake_and_has_no_other_limit():
    servers = render(OPTIONS, [], 600)["apps"]["http"]["servers"]
    named = servers["wakedock"]["named_routes"]
    holds = [
        named["hold"]["handle"][1]["routes"][0]["handle"][0],
        named["hold-again"]["handle"][0],
        servers["hold-again"]["routes"][0]["handle"][0],
    ]
    for hold in holds:
        assert hold["load_balancing"]["try_duration"] == "605000ms"
        assert set(hold["transport"]) == {"protocol", "keep_alive"}


def test_connection_limits_and_protocols_reach_the_transport():
    configuration = render(OPTIONS, ordinary_routes(), 60)
    transports = {name: transport_of(configuration, name) for name in ("web", "grpc", "tls", "s0")}
    assert transports["web"]["max_conns_per_host"] == 3
    assert transports["grpc"]["versions"] == ["h2c"]
    assert transports["tls"]["tls"] == {"insecure_skip_verify": True}
    assert transports["s0"] == {
        "protocol": "http",
        "versions": ["1.1"],
        "dial_timeout": "1s",
        "keep_alive": {"max_idle_conns_per_host": 256, "idle_timeout": "500ms"},
    }


def transport_of(node: Any, name: str) -> dict[str, Any]:
    found = [proxy["transport"] for proxy in proxies(node) if proxy["upstreams"][0]["dial"].endswith(f"/steer/default.{name}}}")]
    assert len(found) == 1
    return dict(found[0])


def proxies(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if node.get("handler") == "reverse_proxy":
            yield node
        for value in node.values():
            yield from proxies(value)
    elif isinstance(node, list):
        for value in node:
            yield from proxies(value)
