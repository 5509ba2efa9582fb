"""`spec.schedule`: times of the week at which the app is kept awake or put to sleep."""

import re
from datetime import time
from enum import StrEnum
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StrictStr, WithJsonSchema

from wakedock_operator.resource.literals import unique
from wakedock_operator.resource.section import Section

_clock = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_end_of_day = "24:00"


class Weekday(StrEnum):
    """A day, in the order of `datetime.weekday()`."""

    MON = "Mon"
    TUE = "Tue"
    WED = "Wed"
    THU = "Thu"
    FRI = "Fri"
    SAT = "Sat"
    SUN = "Sun"

    @property
    def number(self) -> int:
        """0 for Monday, as `datetime.weekday()` counts."""
        return list(Weekday).index(self)


class ScheduleState(StrEnum):
    """What a rule wants."""

    AWAKE = "Awake"
    ASLEEP = "Asleep"


def _read_time(value: object) -> time:
    if isinstance(value, time):
        return value
    match = _clock.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a time of day: write hours and minutes in quotes, such as '08:30'")
    return time(int(match[1]), int(match[2]))


def _read_end(value: object) -> time:
    return time() if value == _end_of_day else _read_time(value)


def _write_time(value: time) -> str:
    return f"{value:%H:%M}"


def _write_end(value: time) -> str:
    return _write_time(value) if value != time() else _end_of_day


def _minutes_only(value: time) -> time:
    if value.second or value.microsecond or value.tzinfo:
        raise ValueError(f"{value} is not a time of day: hours and minutes, without a time zone")
    return value


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(text: str) -> str:
    if text not in _zones():
        raise ValueError(f"{text!r} is not a time zone of the IANA database: write it as 'Europe/Berlin' or 'UTC'")
    return text


StartTime = Annotated[
    time,
    BeforeValidator(_read_time),
    AfterValidator(_minutes_only),
    PlainSerializer(_write_time, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^({_clock.pattern})$", "maxLength": 5}),
]
EndTime = Annotated[
    time,
    BeforeValidator(_read_end),
    AfterValidator(_minutes_only),
    PlainSerializer(_write_end, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^({_clock.pattern}|{_end_of_day})$", "maxLength": 5}),
]


class ScheduleRule(Section):
    """One stretch of time that comes back every week."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7), AfterValidator(unique("the day"))] = Field(
        default=tuple(Weekday), description="The days on which the stretch begins. By default every day."
    )
    from_: StartTime = Field(description="When it begins, as hours and minutes in `timeZone`. Put it in quotes.")
    to: EndTime = Field(
        description="When it ends; this minute is no longer part of it. `24:00` is the end of the day. "
        "A time that is not after `from` lies on the next day, so two equal times make a whole day."
    )
    time_zone: Annotated[StrictStr, Field(max_length=64), AfterValidator(_zone)] = Field(
        default="UTC", description="The IANA time zone of `from` and `to`, such as `Europe/Berlin`. Daylight saving time is followed."
    )
    state: ScheduleState = Field(
        description="`Awake`: the app is woken at `from` and kept awake until `to`; a person may put it to sleep before. `Asleep`: it "
        "is put to sleep at `from`, even if it is in use, but not while it, or something awake that depends on it, is pinned or kept "
        "awake; a request still wakes it, and then it sleeps again after `idleTimeout`."
    )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)
