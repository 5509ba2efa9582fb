"""Mistakes in a WakeService, said so that a person can mend them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from wakedock_operator.resource.wakeservice import WakeService

Place = tuple[str | int, ...]
"""The way to a value, as pydantic writes it: `("spec", "hosts", 0)`."""

Position = tuple[int, int]
"""A line and a column, both counted from 1."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong: where, what, and what was probably meant."""

    field: str
    message: str
    suggestion: str | None = None
    line: int | None = None
    column: int | None = None
    file: str | None = None

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        parts = [part for part in (where, self.field, self.message) if part]
        return ": ".join(parts) + (f" (did you mean {self.suggestion!r}?)" if self.suggestion else "")


def nowhere(_place: Place) -> Position | None:
    """For documents that have no lines."""
    return None


def mistakes(
    error: ValidationError,
    *,
    model: type[BaseModel] = WakeService,
    locate: Callable[[Place], Position | None] = nowhere,
    file: str | None = None,
) -> list[Mistake]:
    """Explain what pydantic found, in the order in which it stands in the document.

    `locate` gives the position of a value, or of the key of an unknown field; it is asked for shorter places when it knows none.
    """
    found = []
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "too_short" and any(_below(other["loc"], detail["loc"]) for other in details):
            continue  # pydantic counts only the good entries
        place = (*detail["loc"], *detail.get("ctx", {}).get("at", ()))
        line, column = _position(place, locate)
        found.append(
            Mistake(
                field=dotted(place),
                message=_message(detail),
                suggestion=_suggestion(detail, model),
                line=line,
                column=column,
                file=file,
            )
        )
    return sorted(found, key=lambda mistake: (mistake.line or 0, mistake.column or 0))


def dotted(place: Place) -> str:
    """`("spec", "hosts", 0)` as `spec.hosts[0]`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parted(field: str) -> Place:
    """The reverse of `dotted`, for names without dots."""
    return tuple(int(part) if part.isdecimal() else part for part in field.replace("[", ".").replace("]", "").split("."))


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The one of `words` that `word` was probably meant to be."""
    by_lower_case = {known.replace("_", "").lower(): known for known in words}
    matches = get_close_matches(word.replace("_", "").replace("-", "").lower(), by_lower_case, n=1, cutoff=0.6)
    return by_lower_case[matches[0]] if matches else None


def _below(place: Place, other: Place) -> bool:
    return len(place) > len(other) and place[: len(other)] == other


def _position(place: Place, locate: Callable[[Place], Position | None]) -> tuple[int | None, int | None]:
    for length in range(len(place), -1, -1):
        position = locate(place[:length])
        if position is not None:
            return position
    return None, None


_messages: dict[str, Callable[[dict[str, Any], object], str]] = {
    "extra_forbidden": lambda _, __: "this field does not exist",
    "missing": lambda _, __: "this field is needed",
    "string_type": lambda _, value: f"must be text, not {_shown(value)}" + ("; put it in quotes" if isinstance(value, int | float) else ""),
    "int_type": lambda _, value: f"must be a whole number, not {_shown(value)}",
    "bool_type": lambda _, value: f"must be true or false, not {_shown(value)}",
    "tuple_type": lambda _, value: f"must be a list, not {_shown(value)}",
    "dict_type": lambda _, value: f"must be an object with fields, not {_shown(value)}",
    "model_type": lambda _, value: f"must be an object with fields, not {_shown(value)}",
    "enum": lambda limits, value: f"must be {limits['expected']}, not {_shown(value)}",
    "literal_error": lambda limits, value: f"must be {limits['expected']}, not {_shown(value)}",
    "greater_than_equal": lambda limits, value: f"must be at least {limits['ge']}, not {_shown(value)}",
    "less_than_equal": lambda limits, value: f"must be at most {limits['le']}, not {_shown(value)}",
    "too_short": lambda limits, _: f"needs at least {_entries(limits['min_length'])}",
    "too_long": lambda limits, _: f"may have at most {_entries(limits['max_length'])}",
    "string_too_short": lambda _, __: "must not be empty",
    "string_too_long": lambda limits, _: f"may have at most {limits['max_length']} characters",
}
"""By pydantic's type of error: what is said, from its limits and the value that was given."""


def _message(detail: ErrorDetails) -> str:
    say = _messages.get(detail["type"])
    return say(detail.get("ctx", {}), detail["input"]) if say is not None else detail["msg"].removeprefix("Value error, ")


def _entries(number: int) -> str:
    return "one entry" if number == 1 else f"{number} entries"


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            text = repr(value)
            return text if len(text) <= 60 else f"{text[:57]}…"


def _suggestion(detail: ErrorDetails, model: type[BaseModel]) -> str | None:
    *parents, last = detail["loc"] or ("",)
    if detail["type"] == "extra_forbidden":
        owner = _model_at(model, parents)
        return nearest(str(last), _spellings(owner)) if owner is not None else None
    if detail["type"] == "enum" and isinstance(detail["input"], str):
        return nearest(detail["input"], [word.strip("'") for word in detail["ctx"]["expected"].replace(" or ", ", ").split(", ")])
    return None


def _spellings(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel], place: Sequence[str | int]) -> type[BaseModel] | None:
    here: type[BaseModel] | None = model
    for part in place:
        if here is None:
            return None
        if isinstance(part, int):
            continue
        here = next((_model_in(field.annotation) for name, field in here.model_fields.items() if (field.alias or name) == part), None)
    return here


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Model`, `Model | None` or `tuple[Model, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType, tuple):
        return next((found for argument in get_args(annotation) if (found := _model_in(argument)) is not None), None)
    return None
