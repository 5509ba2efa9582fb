"""Strings that are taken as they stand.

Caddy expands `{placeholders}` in most strings of its configuration, also `{env.X}` and `{file./etc/hostname}`.
What a person writes must never become Caddy's code, so no string that reaches Caddy may hold a brace.
Control characters are refused with them: they have no place in a header, a path or a page.
"""

import unicodedata
from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, StrictStr

RESERVED_PATH = "/.wakedock"
MAX_PATH = 1024
MAX_FRAGMENT = 256
MAX_TEXT = 4096

T = TypeVar("T")

_glob = "*?[]\\"


def refuse_braces(text: str) -> str:
    """Return `text` if Caddy cannot take any of it for a placeholder. Raises ValueError with a sentence."""
    if "{" in text or "}" in text:
        raise ValueError(f"{text!r} holds a brace: '{{' and '}}' would be placeholders to Caddy and are refused here")
    return text


def refuse_control(text: str, *, allowed: str = "") -> str:
    """Return `text` if every character can be shown. Raises ValueError with a sentence."""
    for character in text:
        if character not in allowed and unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            raise ValueError(f"{text!r} holds the control character U+{ord(character):04X}; take it out")
    return text


def literal(text: str) -> str:
    """A string that may reach Caddy. Raises ValueError with a sentence."""
    return refuse_control(refuse_braces(text))


def request_path(text: str) -> str:
    """The path of a request that WakeDock sends itself, a query included. Raises ValueError with a sentence."""
    refuse_control(text)
    if not text.startswith("/"):
        raise ValueError(f"{text!r} must start with '/'")
    if "#" in text or any(character.isspace() for character in text):
        raise ValueError(f"{text!r} holds a space or '#': write them as %20 and %23")
    return text


def route_path(text: str) -> str:
    """A path prefix that requests are matched with, literally: `/a` stands for `/a` and `/a/…`.

    Returned without a trailing slash (`/` stays). Raises ValueError with a sentence.
    """
    literal(text)
    if not text.startswith("/"):
        raise ValueError(f"{text!r} must start with '/'")
    for character in _glob:
        if character in text:
            raise ValueError(f"{text!r} holds {character!r}: paths are literal prefixes, '/a' already stands for '/a' and '/a/…'")
    if "%" in text:
        raise ValueError(f"{text!r} holds '%': write the character itself instead of its escaped form")
    if "#" in text:
        raise ValueError(f"{text!r} holds '#', which never reaches a server")
    path = text[:-1] if text.endswith("/") and text != "/" else text
    if text != "/" and any(segment in {"", ".", ".."} for segment in path[1:].split("/")):
        raise ValueError(f"{text!r} holds an empty segment, '.' or '..': write the path that requests really have")
    if path.lower() == RESERVED_PATH or path.lower().startswith(RESERVED_PATH + "/"):
        raise ValueError(f"{text!r} is reserved: WakeDock serves {RESERVED_PATH}/ itself on every host")
    return path


def argument(text: str) -> str:
    """A string of the app's own, such as a word of a command. Braces are welcome. Raises ValueError with a sentence."""
    if "\0" in text:
        raise ValueError(f"{text!r} holds a NUL character, which no process can be given")
    return text


def unique(what: str) -> Callable[[tuple[T, ...]], tuple[T, ...]]:
    """A check that refuses a list that says the same thing twice."""

    def check(values: tuple[T, ...]) -> tuple[T, ...]:
        for index, value in enumerate(values):
            if value in values[:index]:
                raise ValueError(f"{what} {str(value)!r} is there twice; take one out")
        return values

    return check


Literal = Annotated[StrictStr, Field(min_length=1, max_length=MAX_FRAGMENT), AfterValidator(literal)]
RequestPath = Annotated[StrictStr, Field(max_length=MAX_PATH, json_schema_extra={"pattern": "^/"}), AfterValidator(request_path)]
RoutePath = Annotated[
    StrictStr, Field(max_length=MAX_PATH, json_schema_extra={"pattern": r"^/[^{}*?\[\]\\%#]*$"}), AfterValidator(route_path)
]
Argument = Annotated[StrictStr, Field(max_length=131_072), AfterValidator(argument)]
