"""What every object of the resource has in common: closed, immutable, camelCase outside and snake_case inside."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

Count = Annotated[StrictInt, Field(ge=1)]
"""A whole number above zero; text and booleans are refused."""


def spelling(name: str) -> str:
    """The name of a Python attribute in YAML and JSON: `idle_timeout` is `idleTimeout`, `from_` is `from`."""
    return to_camel(name.rstrip("_"))


class Section(BaseModel):
    """One object of the resource. An unknown field is an error, never ignored."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=spelling,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=False,
        allow_inf_nan=False,
    )


def mistake_at(*at: str | int, message: str) -> PydanticCustomError:
    """An error about a field further down, raised by a check that looks at several fields at once."""
    return PydanticCustomError("wakedock", "{message}", {"message": message, "at": at})
