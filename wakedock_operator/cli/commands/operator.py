"""`wakedock operator`."""

import os
from pathlib import Path
from typing import Any

import typer

from wakedock_operator.cli.cluster_settings import OperatorSettings
from wakedock_operator.cli.configuration import load_options
from wakedock_operator.cli.flags import with_flags


def command(config: Path | None = None, **given: Any) -> None:
    """Decide for the WakeServices of a Kubernetes cluster, and keep what belongs to them.

    A flag wins over its environment variable WAKEDOCK_*, the variable over the configuration file.
    """
    settings = load_options(OperatorSettings, given, os.environ, config=config)
    from wakedock_operator.cli.logging import set_up_logging
    from wakedock_operator.cli.operator import run

    set_up_logging(log_format=settings.log_format, level=settings.log_level)
    raise typer.Exit(run(settings))


with_flags(command, OperatorSettings)
