"""What the processes on a cluster have in common: the connection, what is served, where the WakeServices are watched."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TypedDict

import yaml

from wakedock_operator.adapters.kubernetes.catalog import PLURAL
from wakedock_operator.adapters.kubernetes.client import Api, Raw, connect, resource_path
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.errors import ConfigurationMistake
from wakedock_operator.resource import API_VERSION, WakeService
from wakedock_operator.resource.backends import Backend, refusal

from .addresses import Address
from .cluster_settings import Cluster, Lasting


class Listener(TypedDict):
    """Where the probes are asked."""

    host: str
    port: int


async def connected(settings: Cluster, closing: AsyncExitStack) -> Api:
    """Connect, and close at the end."""
    api = await connect(kubeconfig=settings.kubeconfig, context=settings.context)
    closing.push_async_callback(api.close)
    return api


def probe_address(settings: Lasting) -> Listener:
    """`metrics_listen`, in parts."""
    address = Address.parse(settings.metrics_listen)
    return {"host": address.host, "port": address.port}


def watchings(api: Api, settings: Cluster, shelf: Shelf) -> list[Watching[Raw]]:
    """The watch over the whole cluster, or one for each namespace that is served."""
    namespaces = settings.watch_namespaces
    if not namespaces:
        path = resource_path(API_VERSION, PLURAL)
        return [Watching(api, path, put=shelf.put, drop=shelf.drop, replace_all=shelf.replace_all)]
    return [
        Watching(
            api,
            resource_path(API_VERSION, PLURAL, namespace=namespace),
            put=shelf.put,
            drop=shelf.drop,
            replace_all=partial(shelf.replace_in, namespace, of=len(namespaces)),
        )
        for namespace in namespaces
    ]


def accepts(settings: Lasting) -> Callable[[WakeService], str | None]:
    """Why a definition is not served: a field that Kubernetes cannot honour, or a host that its namespace may not have."""
    allowed = _allowed_hosts(settings.allowed_hosts)

    def refused(service: WakeService) -> str | None:
        reason = refusal(service, Backend.KUBERNETES)
        if reason is not None:
            return reason
        patterns = allowed.get(service.key.namespace)
        if patterns is None:
            return None
        for host in service.spec.hosts:
            if not any(_matches(host, pattern) for pattern in patterns):
                return f"spec.hosts: {service.key.namespace} may not have {host!r}; it may have {', '.join(patterns) or 'none'}"
        return None

    return refused


def _matches(host: str, pattern: str) -> bool:
    """`*.` stands for one label or more: whoever may have `*.example.org` may have every host below it."""
    return host == pattern or (pattern.startswith("*.") and host.removeprefix("*").endswith(pattern[1:]))


def _allowed_hosts(path: Path | None) -> dict[str, tuple[str, ...]]:
    if path is None:
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return {str(namespace): tuple(str(pattern).lower() for pattern in patterns) for namespace, patterns in found.items()}
    except (OSError, yaml.YAMLError, AttributeError, TypeError) as error:
        raise ConfigurationMistake(f"{path}: must say `NAMESPACE: [HOST, …]` for namespaces with limited hosts: {error}") from error
