"""Commands whose flags are the fields of a settings model."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_origin

import typer
from pydantic import BaseModel

from wakedock_operator.cli.settings import flags

Config = Annotated[
    Path | None,
    typer.Option("--config", help="A configuration file (or WAKEDOCK_CONFIG).", metavar="FILE", show_default=False),
]

_METAVARS = {
    "files": "PATH",
    "listen": "ADDRESS",
    "data": "DIR",
    "runtime": "DIR",
    "caddy": "PATH",
    "trusted_proxies": "NETWORK",
    "api_listen": "ADDRESS",
    "api_token": "TOKEN",
    "metrics_listen": "ADDRESS",
    "kubeconfig": "PATH",
    "context": "NAME",
    "namespace": "NAME",
    "watch_namespaces": "NAME",
    "name": "NAME",
    "gateway_selector": "LABELS",
    "gateway_port": "PORT",
    "lease": "NAME",
    "allowed_hosts": "PATH",
    "certificates": "DIR",
    "proxy_protocol": "NETWORK",
    "scale_targets": "PLURAL.GROUP",
    "stop_operator": "NAME",
}


def with_flags(command: Callable[..., None], model: type[BaseModel]) -> None:
    """Give `command` one flag per field of `model`, in their order (texts, which the model reads), and `--config`."""
    parameters = [inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Config)]
    for name, field in model.model_fields.items():
        several = get_origin(field.annotation) is tuple
        option = typer.Option(*flags(name, model), help=_help(model, name), metavar=_metavar(model, name), show_default=False)
        kind: Any = list[str] | None if several else str | None
        annotation = Annotated[kind, option]
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def _help(model: type[BaseModel], name: str) -> str:
    field = model.model_fields[name]
    default = field.default
    shown = model().model_dump(mode="json")[name]
    if default is None or default in ((), ""):
        return field.description or ""
    return f"{field.description} [default: {', '.join(shown) if isinstance(shown, list) else shown}]"


def _metavar(model: type[BaseModel], name: str) -> str:
    schema = model.model_json_schema()
    described = schema["properties"][name]
    reference = described.get("$ref", "").rpartition("/")[2]
    if reference:
        return "|".join(schema["$defs"][reference]["enum"])
    return _METAVARS.get(name, "DURATION" if described.get("format") == "duration" else "NUMBER")
