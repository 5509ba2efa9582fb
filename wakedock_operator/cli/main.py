"""The command `wakedock`: a table of commands, each loaded when it is called, and how errors end it."""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer._completion_classes import completion_init
from typer.core import TyperCommand, TyperGroup

from wakedock_operator import __version__
from wakedock_operator.cli.standard_error import standard_error
from wakedock_operator.errors import ExitCode, WakeDockError

COMMANDS = (
    "run",
    "gateway",
    "operator",
    "restore",
    "demo",
    "check",
    "ls",
    "describe",
    "wake",
    "sleep",
    "pin",
    "unpin",
    "logs",
    "events",
    "schema",
    "completion",
    "version",
)
"""In the order of `wakedock --help`. The module of each is `wakedock_operator.cli.commands.NAME`, its function `command`."""
EXTRA = ("kopf", "kubernetes")
"""Packages that only the extra `kubernetes` brings."""


class Commands(TyperGroup):
    """Loads a command's module when the command is named: `wakedock ls` does not pay for importing the gateway."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override] # typer brings a click of its own
        """Every command."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | None:  # type: ignore[override]
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        alone.command(cmd_name)(import_module(f"wakedock_operator.cli.commands.{cmd_name}").command)
        made = typer.main.get_command(alone)
        assert isinstance(made, TyperCommand)  # noqa: S101 - one function makes one command
        return made

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the command; an error that WakeDock foresees ends it with its sentence and its exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except ModuleNotFoundError as missing:
            if (missing.name or "").partition(".")[0] not in EXTRA:
                raise
            _say(WakeDockError("what works with clusters is not installed here: pip install 'wakedock[kubernetes]'"))
            raise typer.Exit(ExitCode.UNEXPECTED) from None
        except WakeDockError as error:
            _say(error)
            raise typer.Exit(error.exit_code) from None
        except BaseExceptionGroup as group:
            foreseen = next((error for error in leaves(group) if isinstance(error, WakeDockError)), None)
            if foreseen is None:
                raise
            _say(foreseen)
            raise typer.Exit(foreseen.exit_code) from None


def leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The errors in a group and in the groups in it."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _say(error: WakeDockError) -> None:
    out = standard_error()
    for line in str(error).splitlines():
        out.write(f"wakedock: {line}\n")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"wakedock {__version__}")
        raise typer.Exit


# The scripts of `wakedock completion` call back; typer only listens after this, or with two more options on every help page.
completion_init()

app = typer.Typer(
    name="wakedock",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def program(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Let web apps sleep at zero cost and wake them when somebody needs them."""
