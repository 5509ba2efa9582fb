"""`spec.app`: the workload that WakeDock creates itself."""

import re
import signal
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, StrictStr

from wakedock_operator.resource.literals import Argument, refuse_control
from wakedock_operator.resource.section import Section

_variable = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_user = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?|[0-9]{1,10}")


def _variable_name(text: str) -> str:
    if not _variable.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a variable: use letters, digits, '_', '-' and '.', and no digit in front")
    return text


def _file_name(text: str) -> str:
    if not text:
        raise ValueError("must name a file or folder; leave the field out if there is none")
    return refuse_control(text)


def _user_name(text: str) -> str:
    if not _user.fullmatch(text):
        raise ValueError(f"{text!r} is not the name or number of a user")
    return text


def _signal_name(text: str) -> str:
    name = text.upper()
    name = name if name.startswith("SIG") else f"SIG{name}"
    if name not in signal.Signals.__members__:
        raise ValueError(f"{text!r} is not a signal: write a name such as SIGTERM, SIGINT or SIGQUIT")
    if name in {"SIGSTOP", "SIGCONT"}:
        raise ValueError(f"{text!r} does not end a process: write a name such as SIGTERM, SIGINT or SIGQUIT")
    return name


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words[0]:
        raise ValueError("the first word of a command names a program and must not be empty")
    return words


Command = Annotated[tuple[Argument, ...], Field(min_length=1, max_length=1024), AfterValidator(_command)]
FileName = Annotated[StrictStr, Field(max_length=4096), AfterValidator(_file_name)]


class EnvVar(Section):
    """One environment variable."""

    name: Annotated[StrictStr, AfterValidator(_variable_name)] = Field(description="The name of the variable.")
    value: Argument = Field(
        default="",
        description="Its value, always text (put numbers in quotes). `$(PORT)` and `$(PORT:db)` stand for ports as in `command`.",
    )


class EnvFrom(Section):
    """A file of environment variables."""

    file: FileName = Field(
        description="A file with one `NAME=value` per line; empty lines and lines that start with `#` are skipped. "
        "A relative path starts at the folder of the file that holds this WakeService."
    )


class App(Section):
    """What WakeDock starts and stops itself."""

    command: Command = Field(
        description="The program and its arguments, each a word of its own; no shell is involved. `$(PORT)` stands for the port the app "
        "must listen on, `$(PORT:db)` for the port of the dependency `db`; `$$(PORT)` is left as `$(PORT)`."
    )
    env: tuple[EnvVar, ...] = Field(
        default=(),
        max_length=256,
        description="Environment variables. They win over `envFrom`; of two with one name the later wins. `PORT` is always set.",
    )
    env_from: tuple[EnvFrom, ...] = Field(
        default=(), max_length=16, description="Files of environment variables, read at each start; of two with one name the later wins."
    )
    working_dir: FileName | None = Field(
        default=None,
        description="The folder the app starts in. A relative path starts at the folder of the file that holds this WakeService, "
        "which is also the default.",
    )
    user: Annotated[StrictStr, AfterValidator(_user_name)] | None = Field(
        default=None,
        description="The user, by name or number, that the app runs as; by default the user of WakeDock. Another user needs root.",
    )
    stop_signal: Annotated[StrictStr, AfterValidator(_signal_name)] = Field(
        default="SIGTERM", description="The signal that asks the app to end. After `sleep.gracePeriod` it is killed."
    )

    def templates(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every string in which `$(…)` is expanded, with the place where it stands below `app`."""
        for index, word in enumerate(self.command):
            yield ("command", index), word
        for index, variable in enumerate(self.env):
            yield ("env", index, "value"), variable.value
