"""Reads what Caddy says about a held request. The client chose most of it: it is bounded and printable before anybody else sees it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import unquote_plus
from uuid import UUID

from wakedock_operator.activator.questions import Question
from wakedock_operator.core.status import Asker
from wakedock_operator.ports.clock import Clock
from wakedock_operator.resource import Key

SERVICE_HEADER = "X-Wakedock-Service"
MAX_AGE = 365 * 24 * 3600.0
MAX_METHOD = 32
MAX_HOST = 255
MAX_PATH = 1024
MAX_USER_AGENT = 512
MAX_CLIENT = 64


class MalformedHoldError(ValueError):
    """The gateway's question cannot be read; the message names the header."""


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A question, and what the choice between waiting page and hold looks at."""

    question: Question
    accept: str
    fetch_mode: str
    fetch_dest: str
    upgrade: str
    """The protocol that the client wants to change to, such as `websocket`."""

    @property
    def method(self) -> str:
        return self.question.asker.method


def read_hold(headers: Mapping[str, str], clock: Clock) -> HoldRequest:
    """Read a hold. The query is cut off, unprintable characters are dropped, lengths are bounded. Raises MalformedHoldError."""
    age = _age(headers)
    question = Question(
        key=read_service(headers),
        request_id=_request_id(headers),
        age=age,
        asker=Asker(
            at=clock.now() - timedelta(seconds=age),
            method=_text(headers, "X-Wakedock-Method", MAX_METHOD),
            host=_text(headers, "X-Wakedock-Host", MAX_HOST),
            path=_path(headers),
            user_agent=_text(headers, "User-Agent", MAX_USER_AGENT),
            client=_text(headers, "X-Wakedock-Client", MAX_CLIENT),
        ),
    )
    return HoldRequest(
        question,
        accept=headers.get("Accept", ""),
        fetch_mode=headers.get("Sec-Fetch-Mode", "").lower(),
        fetch_dest=headers.get("Sec-Fetch-Dest", "").lower(),
        upgrade=headers.get("X-Wakedock-Upgrade", ""),
    )


def read_service(headers: Mapping[str, str]) -> Key:
    """The service as the route names it, never the client. Raises MalformedHoldError."""
    try:
        return Key.from_file_name(headers.get(SERVICE_HEADER, ""))
    except ValueError as error:
        raise MalformedHoldError(f"{SERVICE_HEADER}: {error}") from None


def _request_id(headers: Mapping[str, str]) -> str:
    try:
        return str(UUID(headers.get("X-Wakedock-Request", "")))
    except ValueError:
        raise MalformedHoldError("X-Wakedock-Request is not a UUID") from None


def _age(headers: Mapping[str, str]) -> float:
    try:
        milliseconds = float(headers.get("X-Wakedock-Age-Ms", ""))
    except ValueError:
        raise MalformedHoldError("X-Wakedock-Age-Ms is not a number") from None
    if not math.isfinite(milliseconds) or milliseconds < 0:
        raise MalformedHoldError("X-Wakedock-Age-Ms is not a duration")
    return min(milliseconds / 1000, MAX_AGE)


def _path(headers: Mapping[str, str]) -> str:
    """The path for people to read. Caddy escapes it like a form's value: slashes too, and spaces as `+`."""
    path = unquote_plus(headers.get("X-Wakedock-Path", "")[: 4 * MAX_PATH]).partition("?")[0]
    return _printable(path.replace(" ", "%20"), MAX_PATH)


def _text(headers: Mapping[str, str], name: str, limit: int) -> str:
    """Printable text only: no control characters, no direction marks, no lone surrogates (bytes that were no UTF-8)."""
    return _printable(headers.get(name, "")[: 4 * limit], limit)


def _printable(text: str, limit: int) -> str:
    return "".join(filter(str.isprintable, text))[:limit]
