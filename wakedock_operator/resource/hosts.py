"""Host names: exact (`app.example.org`) and with a wildcard in front (`*.example.org`)."""

import re
from typing import Annotated

import idna
from pydantic import AfterValidator, Field, StrictStr

from wakedock_operator.resource.literals import literal

MAX_HOST = 253
WILDCARD = "*."

_label = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def normalise_host(text: str) -> str:
    """Return the host in lower-case A-labels (IDNA 2008, UTS 46), which is how it arrives in a request.

    A trailing dot is dropped. Raises ValueError with a sentence for what is no host or pattern.
    """
    literal(text)
    _refuse_addresses(text)
    wildcard = text.startswith(WILDCARD)
    name = text.removeprefix(WILDCARD)
    if "*" in name:
        raise ValueError(f"{text!r} is not a host pattern: '*' stands only for the whole first label, as in '*.example.org'")
    name = name.removesuffix(".")
    if not name or any(not label for label in name.split(".")):
        raise ValueError(f"{text!r} is not a host: between two dots there must be a name")
    name = name.lower() if name.isascii() and "xn--" not in name.lower() else _to_ascii(name, shown=text)
    for label in name.split("."):
        if not _label.fullmatch(label):
            raise ValueError(
                f"{text!r} is not a host: {label!r} must have 1 to 63 letters, digits and '-', with a letter or digit first and last"
            )
    host = WILDCARD + name if wildcard else name
    if len(host) > MAX_HOST:
        raise ValueError(f"'{text[:20]}…' is not a host: it has {len(host)} characters, at most {MAX_HOST} are possible")
    return host


def covers(pattern: str, host: str) -> bool:
    """Whether a normalised pattern matches a normalised host. A wildcard stands for exactly one label."""
    if pattern.startswith(WILDCARD):
        return host.partition(".")[2] == pattern.removeprefix(WILDCARD)
    return pattern == host


def _refuse_addresses(text: str) -> None:
    if "://" in text:
        raise ValueError(f"{text!r} is an address: write the host alone, without a scheme")
    if "/" in text:
        raise ValueError(f"{text!r} holds a path: write the host here and the path under 'paths'")
    if ":" in text:
        raise ValueError(f"{text!r} holds a port: write the host alone; the gateway's --listen decides about ports")
    if "@" in text or any(character.isspace() for character in text):
        raise ValueError(f"{text!r} is not a host: it holds a space or '@'")


def _to_ascii(name: str, *, shown: str) -> str:
    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"{shown!r} is not a host that can be written in DNS: {error}") from error


Host = Annotated[
    StrictStr, Field(json_schema_extra={"pattern": r"^(\*\.)?[^{}*:/@\s]+$", "maxLength": MAX_HOST}), AfterValidator(normalise_host)
]
