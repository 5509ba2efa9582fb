"""`wakedock restore`."""

import os
from pathlib import Path
from typing import Any

import typer

from wakedock_operator.cli.cluster_settings import RestoreSettings
from wakedock_operator.cli.configuration import load_options
from wakedock_operator.cli.flags import with_flags


def command(config: Path | None = None, **given: Any) -> None:
    """Give every targetRef of a Kubernetes cluster the replicas back that it had before it slept.

    What sleeps and is nobody's target is left alone. A flag wins over its environment variable WAKEDOCK_*.
    """
    settings = load_options(RestoreSettings, given, os.environ, config=config)
    from wakedock_operator.cli.logging import set_up_logging
    from wakedock_operator.cli.restore import run

    set_up_logging(log_format=settings.log_format, level=settings.log_level)
    raise typer.Exit(run(settings))


with_flags(command, RestoreSettings)
