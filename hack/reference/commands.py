"""docs/reference/commands.md, from the commands themselves."""

from collections.abc import Iterator

import typer
from typer.core import TyperCommand, TyperGroup

from wakedock_operator.cli.main import app

BEGINNING = """\
# Commands

Made from the commands by `make docs`. `wakedock COMMAND --help` says the same.
"""


def reference() -> str:
    """One section per command, with its arguments and options."""
    program = typer.main.get_group(app)
    context = typer.Context(program, info_name="wakedock")
    return "\n".join([BEGINNING, *sections(program, context)])


def sections(command: TyperCommand | TyperGroup, context: typer.Context) -> Iterator[str]:
    """The section of a command and those of the commands below it; hidden ones are left out."""
    meaning = (command.help or "").strip().replace("\b\n", "").replace("\f", "")
    usage = command.get_usage(context).removeprefix("Usage: ")
    yield f"## {context.command_path}\n\n{meaning}\n\n```\n{usage}\n```\n\n{table(command, context)}"
    if isinstance(command, TyperGroup):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if isinstance(child, TyperCommand | TyperGroup) and not child.hidden:
                yield from sections(child, typer.Context(child, info_name=name, parent=context))


def table(command: TyperCommand | TyperGroup, context: typer.Context) -> str:
    """A row per option and documented argument, as `--help` words them."""
    rows = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and "--help" not in parameter.opts:
            rows.append("| " + " | ".join(f"`{cell}`" if i == 0 else cell for i, cell in enumerate(cells(record))) + " |")
    return "\n".join(["| option | meaning |", "|---|---|", *rows]) + "\n" if rows else ""


def cells(record: tuple[str, str]) -> list[str]:
    """A help record on one line each, safe in a table."""
    return [" ".join(cell.split()).replace("|", "\\|") for cell in record]
