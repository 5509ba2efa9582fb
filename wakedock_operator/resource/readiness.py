"""`spec.wake.readiness`: when an app that was started may get requests."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, PlainSerializer, WithJsonSchema, model_validator

from wakedock_operator.resource.app import Command
from wakedock_operator.resource.durations import PositiveDuration
from wakedock_operator.resource.literals import RequestPath, unique
from wakedock_operator.resource.section import Section, mistake_at

_range = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")


@dataclass(frozen=True, order=True, slots=True)
class StatusRange:
    """HTTP statuses from `first` to `last`, both included."""

    first: int
    last: int

    def __contains__(self, status: int) -> bool:
        return self.first <= status <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read `204` or `"200-399"`. Raises ValueError with a sentence."""
        match = _range.fullmatch(str(value)) if isinstance(value, int | str) else None
        if match is None:
            raise ValueError(f"{value!r} is not an HTTP status: write 204 or a range such as '200-399'")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"{value!r} is an empty range: write '{last}-{first}'")
        return cls(first, last)

    def spelled(self) -> int | str:
        """The form in which it is written down: a number if it is a single status."""
        return self.first if self.first == self.last else str(self)


def _read_range(value: object) -> StatusRange:
    return value if isinstance(value, StatusRange) else StatusRange.parse(value)


Status = Annotated[
    InstanceOf[StatusRange],
    BeforeValidator(_read_range),
    PlainSerializer(StatusRange.spelled, return_type=int | str),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string", "pattern": f"^{_range.pattern}$"}]}),
]

ANY_ANSWER_BELOW_500 = (StatusRange(200, 499),)


class HttpReadiness(Section):
    """Ask the app for a page."""

    path: RequestPath = Field(
        default="/",
        description="What is asked for, with a GET that carries the service's first host; over HTTP/2 where `protocol` is `h2c`.",
    )
    statuses: Annotated[tuple[Status, ...], Field(min_length=1, max_length=32), AfterValidator(unique("the status"))] = Field(
        default=ANY_ANSWER_BELOW_500, description="The statuses that mean ready: numbers and ranges such as `200-399`."
    )
    interval: PositiveDuration = Field(default=timedelta(milliseconds=100), description="The time between two tries.")
    timeout: PositiveDuration = Field(default=timedelta(seconds=1), description="How long one try may take.")

    def accepts(self, status: int) -> bool:
        """Whether an answer with this status means ready."""
        return any(status in each for each in self.statuses)


class TcpReadiness(Section):
    """Open a connection to the app's port."""

    interval: PositiveDuration = Field(default=timedelta(milliseconds=100), description="The time between two tries.")
    timeout: PositiveDuration = Field(default=timedelta(seconds=1), description="How long one try may take.")


class CommandReadiness(Section):
    """Run a program that ends with 0 when the app is ready."""

    command: Command = Field(
        description="The program and its arguments. It runs with the app's environment, folder and user; `$(PORT)` works as in "
        "`app.command`."
    )
    interval: PositiveDuration = Field(default=timedelta(milliseconds=100), description="The time between two tries.")
    timeout: PositiveDuration = Field(default=timedelta(seconds=1), description="How long one try may take; then the program is killed.")


class Readiness(Section):
    """Exactly one way to find out."""

    http: HttpReadiness | None = Field(default=None, description="Ready when the app answers a request with one of the statuses.")
    tcp: TcpReadiness | None = Field(default=None, description="Ready when the app accepts a connection.")
    command: CommandReadiness | None = Field(default=None, description="Ready when a program ends with exit code 0.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in ("http", "tcp", "command") if getattr(self, name) is not None]
        if len(given) != 1:
            raise mistake_at(message=f"needs exactly one of http, tcp and command, and has {' and '.join(given) or 'none'}")
        return self

    @property
    def probe(self) -> HttpReadiness | TcpReadiness | CommandReadiness:
        """The way that was chosen."""
        return next(way for way in (self.http, self.tcp, self.command) if way is not None)
