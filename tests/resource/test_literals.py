"""Nothing that a person writes may become Caddy's code."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.resource.documents import document, refusal, service
from wakedock_operator.resource import WakeService
from wakedock_operator.resource.literals import route_path

REACHES_CADDY: dict[str, Callable[[str], dict[str, Any]]] = {
    "spec.hosts[0]": lambda text: {"hosts": [text]},
    "spec.paths[0]": lambda text: {"paths": ["/" + text]},
    "spec.ignore.userAgents[0]": lambda text: {"ignore": {"userAgents": [text]}},
    "spec.ignore.paths[0]": lambda text: {"ignore": {"paths": ["/" + text]}},
    "spec.ignore.methods[0]": lambda text: {"ignore": {"methods": [text]}},
    "spec.ignore.cidrs[0]": lambda text: {"ignore": {"cidrs": [text]}},
    "spec.ignore.answer.body": lambda text: {"ignore": {"answer": {"body": text}}},
}
surrounded = st.tuples(st.text(max_size=8), st.sampled_from(["{", "}", "{env.X}", "{file./etc/hostname}"]), st.text(max_size=8)).map(
    "".join
)


@pytest.mark.parametrize("field", REACHES_CADDY)
@pytest.mark.parametrize("text", ["{env.X}", "{file./etc/hostname}", "a{b", "a}b", "{{a}}", "\\{a\\}"])
def test_a_brace_is_refused_wherever_it_would_reach_caddy(field: str, text: str):
    mistake = refusal(**REACHES_CADDY[field](text))
    assert mistake.field == field
    assert "brace" in mistake.message


@pytest.mark.parametrize("field", REACHES_CADDY)
@given(text=surrounded)
def test_no_surrounding_lets_a_brace_through(field: str, text: str):
    with pytest.raises(ValidationError):
        service(**REACHES_CADDY[field](text))


@pytest.mark.parametrize("field", REACHES_CADDY)
@pytest.mark.parametrize("character", ["\0", "\r", "\x1b", "\x7f", "\x85", "\u2028"])
def test_a_control_character_is_refused_wherever_it_would_reach_caddy(field: str, character: str):
    mistake = refusal(**REACHES_CADDY[field](f"a{character}b"))
    assert mistake.field == field
    assert "control character" in mistake.message


@given(
    st.recursive(st.text(max_size=6), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3))
)
def test_names_hold_no_braces_whatever_they_are(name: Any):
    try:
        accepted = WakeService.from_document(document() | {"metadata": {"name": name}})
    except ValidationError:
        return
    assert not {"{", "}"}.intersection(accepted.key.file_name)


def test_commands_and_environment_may_hold_braces():
    app = service(app={"command": ["awk", "{print $1}"], "env": [{"name": "A", "value": "{json}"}]}).spec.app
    assert app is not None
    assert app.command[1] == "{print $1}"


@pytest.mark.parametrize("text, path", [("/", "/"), ("/a", "/a"), ("/a/", "/a"), ("/a/b.c/", "/a/b.c"), ("/ä b", "/ä b")])
def test_paths_lose_their_trailing_slash_only(text: str, path: str):
    assert route_path(text) == path


@pytest.mark.parametrize(
    "text",
    ["", "a", "/a*", "/*", "/a?b", "/[a]", "/a\\b", "/%41", "/a//b", "//", "/a/../b", "/.", "/a#b", "/.wakedock", "/.WakeDock/x", "/a\n"],
)
def test_paths_that_are_not_literal_prefixes_are_refused(text: str):
    with pytest.raises(ValueError, match=r".{15}"):
        route_path(text)
