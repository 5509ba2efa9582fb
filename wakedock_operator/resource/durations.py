"""Durations as the Gateway API writes them (GEP-2257): `90s`, `15m`, `1h30m`, `500ms`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

PATTERN = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
MAX_WRITTEN = 28
LONGEST = timedelta(hours=99_999, minutes=59, seconds=59, milliseconds=999)

_whole = re.compile(r"(?:[0-9]{1,5}(?:ms|h|m|s)){1,4}")
_too_long = re.compile(r"(?:[0-9]+(?:ms|h|m|s))*[0-9]{6,}(?:ms|h|m|s)(?:[0-9]+(?:ms|h|m|s))*")
_part = re.compile(r"([0-9]{1,5})(ms|h|m|s)")
_units = {"h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1), "ms": timedelta(milliseconds=1)}


def parse_duration(text: str) -> timedelta:
    """Read a GEP-2257 duration. Never negative, at most 99999h59m59s999ms. Raises ValueError with a sentence."""
    if _too_long.fullmatch(text):
        raise ValueError(f"{text!r} is too long: at most five digits before each unit, up to 99999h")
    if not _whole.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration: write whole numbers with h, m, s or ms, such as 90s, 15m or 1h30m")
    total = sum((int(number) * _units[unit] for number, unit in _part.findall(text)), timedelta())
    if total > LONGEST:
        raise ValueError(f"{text!r} is too long: at most {format_duration(LONGEST)}")
    return total


def format_duration(duration: timedelta) -> str:
    """Write the canonical form: largest unit first, each unit once, `0s` for nothing.

    Raises ValueError for what GEP-2257 cannot say: negative, too long, or finer than a millisecond.
    """
    if not timedelta() <= duration <= LONGEST:
        raise ValueError(f"{duration} cannot be written as a duration: it must lie between 0s and 99999h59m59s999ms")
    if duration.microseconds % 1000:
        raise ValueError(f"{duration} cannot be written as a duration: it is finer than a millisecond")
    rest, parts = duration, []
    for name, unit in _units.items():
        number, rest = divmod(rest, unit)
        if number:
            parts.append(f"{number}{name}")
    return "".join(parts) or "0s"


def _read(value: object) -> timedelta:
    if isinstance(value, timedelta):
        format_duration(value)
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError(f"{value!r} is not a duration: write a number with its unit, such as 90s, 15m or 1h30m")


def _positive(duration: timedelta) -> timedelta:
    if not duration:
        raise ValueError("must be longer than 0s")
    return duration


Duration = Annotated[
    timedelta,
    BeforeValidator(_read),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "format": "duration", "maxLength": MAX_WRITTEN}),
]
"""Zero is allowed."""

PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
"""Longer than zero."""
