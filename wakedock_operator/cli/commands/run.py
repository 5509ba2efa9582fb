"""`wakedock run`."""

import inspect
import os
from pathlib import Path
from typing import Annotated, Any, get_origin

import typer

from wakedock_operator.cli.configuration import load
from wakedock_operator.cli.settings import Settings, flags
from wakedock_operator.errors import ConfigurationMistake

Config = Annotated[
    Path | None,
    typer.Option("--config", help="A configuration file (or WAKEDOCK_CONFIG).", metavar="FILE", show_default=False),
]


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


def _signature() -> inspect.Signature:
    """One flag per field of the settings, in their order; texts, which the settings read."""
    parameters = [inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Config)]
    for name, field in Settings.model_fields.items():
        several = get_origin(field.annotation) is tuple
        option = typer.Option(*flags(name), help=_help(name), metavar=_metavar(name), show_default=False)
        kind: Any = list[str] | None if several else str | None
        annotation = Annotated[kind, option]
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    return inspect.Signature(parameters)


def _help(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.default
    shown = Settings().model_dump(mode="json")[name]
    if default is None or default == ():
        return field.description or ""
    return f"{field.description} [default: {', '.join(shown) if isinstance(shown, list) else shown}]"


def _metavar(name: str) -> str:
    schema = Settings.model_json_schema()
    described = schema["properties"][name]
    reference = described.get("$ref", "").rpartition("/")[2]
    if reference:
        return "|".join(schema["$defs"][reference]["enum"])
    return {
        "files": "PATH",
        "listen": "ADDRESS",
        "data": "DIR",
        "runtime": "DIR",
        "caddy": "PATH",
        "trusted_proxies": "NETWORK",
        "api_listen": "ADDRESS",
        "api_token": "TOKEN",
    }.get(name, "DURATION" if described.get("format") == "duration" else "NUMBER")


command.__signature__ = _signature()  # type: ignore[attr-defined]
command.__annotations__ = {name: parameter.annotation for name, parameter in command.__signature__.parameters.items()}  # type: ignore[attr-defined]
