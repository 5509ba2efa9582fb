import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakedock_operator.resource.hosts import covers, normalise_host

plain = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*")
tricky = st.text(st.characters() | st.sampled_from("ab.*-:/{}@%.\uff5b\uff0e\u3002ßİ"), max_size=20)


@given(tricky)
def test_a_host_is_plain_dns_or_refused_with_a_sentence(text: str):
    try:
        host = normalise_host(text)
    except ValueError as error:
        why = str(error)
    else:
        why = ""
        assert plain.fullmatch(host)
        assert normalise_host(host) == host
    assert not why or len(why) > 20


@pytest.mark.parametrize(
    "text, host",
    [
        ("Hello.LOCALHOST", "hello.localhost"),
        ("bücher.de", "xn--bcher-kva.de"),
        ("*.BÜCHER.de", "*.xn--bcher-kva.de"),
        ("XN--BCHER-KVA.de", "xn--bcher-kva.de"),
        ("example.org.", "example.org"),
        ("r3---sn.example.org", "r3---sn.example.org"),
        ("日本。jp", "xn--wgv71a.jp"),
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
    ],
)
def test_hosts_are_normalised(text: str, host: str):
    assert normalise_host(text) == host


@pytest.mark.parametrize(
    "text, why",
    [
        ("app.example.org:8080", "port"),
        ("[::1]", "port"),
        ("https://app.example.org", "scheme"),
        ("app.example.org/path", "path"),
        ("{env.HOME}.example.org", "brace"),
        ("app}.example.org", "brace"),
        ("\uff5benv\uff5d.example.org", "not a host"),
        ("a..b", "between two dots"),
        (".example.org", "between two dots"),
        ("", "between two dots"),
        ("*", "first label"),
        ("*.", "between two dots"),
        ("app.*.org", "first label"),
        ("a*.example.org", "first label"),
        ("*.*.org", "first label"),
        ("my_app.example.org", "letters, digits"),
        ("-a.example.org", "first and last"),
        ("a" * 64 + ".org", "1 to 63"),
        (".".join(["a" * 63] * 4) + ".org", "at most 253"),
        ("a b.org", "space"),
        ("user@a.org", "'@'"),
        ("a\x00.org", "control character"),
        ("xn--\u00fc.org", "not a host"),
    ],
)
def test_what_is_no_host_is_refused_with_the_reason(text: str, why: str):
    with pytest.raises(ValueError, match=re.escape(why)):
        normalise_host(text)


def test_a_wildcard_stands_for_exactly_one_label():
    assert covers("*.example.org", "a.example.org")
    assert not covers("*.example.org", "a.b.example.org")
    assert not covers("*.example.org", "example.org")
    assert covers("example.org", "example.org")
