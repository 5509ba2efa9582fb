"""`spec.waitingPage`: what a browser shows while the app starts."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StrictStr

from wakedock_operator.resource.durations import PositiveDuration
from wakedock_operator.resource.literals import refuse_control
from wakedock_operator.resource.section import Section


class Theme(StrEnum):
    """The colours of the page."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


def _line(text: str) -> str:
    return refuse_control(text)


def _lines(text: str) -> str:
    return refuse_control(text, allowed="\n\t")


class WaitingPage(Section):
    """The page; everything in it is shown as text, never as HTML."""

    title: Annotated[StrictStr, Field(min_length=1, max_length=200), AfterValidator(_line)] | None = Field(
        default=None, description="The heading. By default the name of the service."
    )
    message: Annotated[StrictStr, Field(max_length=2000), AfterValidator(_lines)] | None = Field(
        default=None, description="A text below the heading."
    )
    theme: Theme = Field(default=Theme.AUTO, description="The colours. `auto` follows the browser.")
    refresh: PositiveDuration = Field(
        default=timedelta(seconds=5), description="How often the page loads itself again where scripts are switched off."
    )
