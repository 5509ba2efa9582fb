"""`wakedock run`."""

import os
from pathlib import Path
from typing import Any

import typer

from wakedock_operator.cli.configuration import load
from wakedock_operator.cli.flags import with_flags
from wakedock_operator.cli.settings import Settings
from wakedock_operator.errors import ConfigurationMistake


def command(config: Path | None = None, **given: Any) -> None:
    """Serve WakeServices: keep every app asleep until a request comes.

    A flag wins over its environment variable WAKEDOCK_*, the variable over the configuration file.
    """
    settings = load(given, os.environ, config=config)
    if not settings.files:
        raise ConfigurationMistake("nothing to serve: name files or folders with WakeServices with -f (or WAKEDOCK_FILES)")
    from wakedock_operator.cli.logging import set_up_logging
    from wakedock_operator.cli.run import run

    set_up_logging(log_format=settings.log_format, level=settings.log_level)
    raise typer.Exit(run(settings))


with_flags(command, Settings)
