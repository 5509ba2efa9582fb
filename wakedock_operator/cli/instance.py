"""Which running WakeDock a command speaks to, and which service it means."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from wakedock_operator.cli.client import Client
from wakedock_operator.cli.directories import find
from wakedock_operator.errors import UnknownService, WakeDockError
from wakedock_operator.resource import Key


def connect(data: Path | None) -> Client:
    """The instance on the data directory: the given one, else that of the configuration file, else the default. Raises NotRunning."""
    if data is None and os.environ.get("WAKEDOCK_CONFIG"):
        from wakedock_operator.cli.configuration import load

        data = load({}, os.environ).data
    return Client(find(data, os.environ).control_socket)


def service_path(name: str, *more: str) -> str:
    """The API's path of `name` or `namespace/name`. Raises UnknownService for what cannot be a name."""
    key = parse_name(name)
    return "/".join(("/api/v1/services", key.namespace, key.name, *more))


def parse_name(name: str) -> Key:
    """`name` or `namespace/name`. Raises UnknownService for what cannot be a name."""
    try:
        return Key.parse(name)
    except ValueError as error:
        raise UnknownService(str(error)) from None


def complete_service(incomplete: str) -> Iterator[str]:
    """Names for the shell's completion; none when no instance answers."""
    data = os.environ.get("WAKEDOCK_DATA")
    try:
        services = connect(Path(data) if data else None).get("/api/v1/services")["services"]
    except WakeDockError:
        return
    yield from (name for service in services if (name := short_name(service)).startswith(incomplete))


def short_name(service: dict[str, str]) -> str:
    """`name` in the namespace `default`, else `namespace/name`."""
    return service["name"] if service["namespace"] == "default" else f"{service['namespace']}/{service['name']}"


Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="WAKEDOCK_DATA", help="The data directory of the running WakeDock.", metavar="DIR", show_default=False),
]
Service = Annotated[str, typer.Argument(help="NAME or NAMESPACE/NAME.", metavar="SERVICE", autocompletion=complete_service)]
