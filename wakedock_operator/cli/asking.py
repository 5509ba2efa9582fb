"""Commands that ask a WakeDock: the one on this machine, or that of a cluster. Both answer the same control API."""

import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from wakedock_operator.cli.client import Client, short_name
from wakedock_operator.cli.directories import find
from wakedock_operator.errors import ConfigurationMistake, WakeDockError


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which WakeDock is asked. Any of the last four means a cluster's."""

    data: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None
    all_namespaces: bool = False

    @property
    def cluster(self) -> bool:
        """Whether a cluster is meant."""
        return self.all_namespaces or any(each is not None for each in (self.kubeconfig, self.context, self.namespace))


_OPTIONS: dict[str, tuple[Any, Any]] = {
    "data": (
        Annotated[
            Path | None,
            typer.Option(
                "--data", envvar="WAKEDOCK_DATA", help="The data directory of the running WakeDock.", metavar="DIR", show_default=False
            ),
        ],
        None,
    ),
    "context": (
        Annotated[
            str | None,
            typer.Option("--context", envvar="WAKEDOCK_CONTEXT", help="Ask a cluster: the context of the kubeconfig.", show_default=False),
        ],
        None,
    ),
    "kubeconfig": (
        Annotated[
            Path | None,
            typer.Option("--kubeconfig", help="Ask a cluster: its kubeconfig. By default as kubectl finds it.", show_default=False),
        ],
        None,
    ),
    "namespace": (
        Annotated[
            str | None,
            typer.Option("-n", "--namespace", help="Ask a cluster: the namespace. By default that of the context.", show_default=False),
        ],
        None,
    ),
    "all_namespaces": (Annotated[bool, typer.Option("-A", "--all-namespaces", help="Ask a cluster: in every namespace.")], False),
}


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, whose first parameter is a Client, the options that say where it is connected to."""

    def connected_command(**arguments: Any) -> None:
        where = Where(**{name: arguments.pop(name) for name in _OPTIONS})
        with connected(where) as client:
            command(client, **arguments)

    signature = inspect.signature(command)
    own = list(signature.parameters.values())[1:]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _OPTIONS.items()
    ]
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + more
    connected_command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    connected_command.__annotations__ = {each.name: each.annotation for each in parameters}
    connected_command.__doc__ = command.__doc__
    return connected_command


@contextmanager
def connected(where: Where) -> Iterator[Client]:
    """A client of the WakeDock that is meant. Raises NotRunning and what a cluster may answer."""
    if not where.cluster:
        yield Client(_control_socket(where.data))
        return
    if where.data is not None and "WAKEDOCK_DATA" not in os.environ:
        raise ConfigurationMistake("--data means the WakeDock of this machine, the other options that of a cluster: give either")
    from wakedock_operator.cli.cluster_session import session

    with session(where.kubeconfig, where.context, namespace=where.namespace, everywhere=where.all_namespaces) as client:
        yield client


def _control_socket(data: Path | None) -> Path:
    """That of the given data directory, else of the configuration file's, else of the default one."""
    if data is None and os.environ.get("WAKEDOCK_CONFIG"):
        from wakedock_operator.cli.configuration import load

        data = load({}, os.environ).data
    return find(data, os.environ).control_socket


def complete_service(incomplete: str) -> Iterator[str]:
    """Names for the shell's completion; none when no instance answers."""
    data, context = os.environ.get("WAKEDOCK_DATA"), os.environ.get("WAKEDOCK_CONTEXT")
    try:
        with connected(Where(data=Path(data) if data and not context else None, context=context)) as client:
            services = client.get("/api/v1/services")["services"]
            names = [short_name(service) for service in services]
    except WakeDockError:
        return
    yield from (name for name in names if name.startswith(incomplete))


Service = Annotated[str, typer.Argument(help="NAME or NAMESPACE/NAME.", metavar="SERVICE", autocompletion=complete_service)]
