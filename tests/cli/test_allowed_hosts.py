"""A namespace may have the hosts that its administrator gives it."""

from pathlib import Path

import pytest

from wakedock_operator.cli.allowed_hosts import AllowedHosts
from wakedock_operator.errors import ConfigurationMistake
from wakedock_operator.resource import Key

ALLOWED = """
team-a: ["*.a.example.org", Shop.Example.ORG, "*.münchen.example"]
team-b: []
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "allowed-hosts.yaml"


@pytest.mark.parametrize(
    "namespace, host, allowed",
    [
        ("team-a", "web.a.example.org", True),
        ("team-a", "deep.web.a.example.org", True),
        ("team-a", "*.a.example.org", True),
        ("team-a", "*.deep.a.example.org", True),
        ("team-a", "shop.example.org", True),
        ("team-a", "web.xn--mnchen-3ya.example", True),
        ("team-a", "a.example.org", False),
        ("team-a", "evila.example.org", False),
        ("team-a", "*.example.org", False),
        ("team-a", "web.shop.example.org", False),
        ("team-b", "web.a.example.org", False),
    ],
)
def test_a_namespace_has_what_its_patterns_cover(path: Path, namespace: str, host: str, allowed: bool):
    path.write_text(ALLOWED)
    refused = AllowedHosts(path).refusal(Key(namespace, "web"), ("shop.example.org", host) if namespace == "team-a" else (host,))
    assert refused is None if allowed else f"{namespace} may not have {host!r}; it may have" in (refused or "")


@pytest.mark.parametrize("others, allowed", [("", True), ('"*": []', False), ('"*": ["*.other.example"]', True)])
def test_other_namespaces_have_what_is_given_to_all_of_them(path: Path, others: str, allowed: bool):
    path.write_text(ALLOWED + others)
    assert (AllowedHosts(path).refusal(Key("team-c", "web"), ("web.other.example",)) is None) is allowed


def test_without_a_file_everything_is_allowed_and_no_host_always_is(path: Path):
    assert AllowedHosts(None).refusal(Key("team-a", "web"), ("web.test",)) is None
    path.write_text(ALLOWED)
    assert AllowedHosts(path).refusal(Key("team-b", "web"), ()) is None


@pytest.mark.parametrize(
    "text, said",
    [
        ("team-a: web.test", "team-a"),
        ("team-a: [http://web.test]", "write the host alone"),
        ("[team-a]", "must"),
        ("team-a: [", "NAMESPACE: [HOST, …]"),
    ],
)
def test_a_mistake_ends_the_start_and_names_the_file(path: Path, text: str, said: str):
    path.write_text(text)
    with pytest.raises(ConfigurationMistake) as wrong:
        AllowedHosts(path)
    assert str(path) in str(wrong.value)
    assert said in str(wrong.value)


def test_a_file_that_is_not_there_ends_the_start(path: Path):
    with pytest.raises(ConfigurationMistake, match="No such file"):
        AllowedHosts(path)
