"""`wakedock gateway`."""

import os
from pathlib import Path
from typing import Any

import typer

from wakedock_operator.cli.cluster_settings import GatewaySettings
from wakedock_operator.cli.configuration import load_options
from wakedock_operator.cli.flags import with_flags


def command(config: Path | None = None, **given: Any) -> None:
    """Be the Python half of a gateway on Kubernetes, beside its Caddy.

    A flag wins over its environment variable WAKEDOCK_*, the variable over the configuration file.
    """
    settings = load_options(GatewaySettings, given, os.environ, config=config)
    from wakedock_operator.cli.gateway import run
    from wakedock_operator.cli.logging import set_up_logging

    set_up_logging(log_format=settings.log_format, level=settings.log_level)
    raise typer.Exit(run(settings))


with_flags(command, GatewaySettings)
