"""`wakedock check`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wakedock_operator.cli.output import Format, Output
from wakedock_operator.errors import ExitCode


def command(
    files: Annotated[list[Path], typer.Option("-f", "--file", help="A file or folder with WakeServices; several times.", metavar="PATH")],
    output: Output = Format.TABLE,
) -> None:
    """Explain mistakes in WakeServices with file, line and field; nothing is started."""
    from wakedock_operator.adapters.files.check import check
    from wakedock_operator.adapters.files.sources import look
    from wakedock_operator.adapters.process.definition import refusals

    paths = [path.absolute() for path in files]
    mistakes = check(paths, refusals)
    if output is Format.JSON:
        print(json.dumps([asdict(mistake) for mistake in mistakes], indent=2, ensure_ascii=False))
    else:
        for mistake in mistakes:
            print(mistake)
        if not mistakes and not look(paths).files:
            print("no YAML files there, so nothing to check")
            return
        print("no mistakes" if not mistakes else f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}")
    raise typer.Exit(ExitCode.MISTAKE if mistakes else ExitCode.OK)
