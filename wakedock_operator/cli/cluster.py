"""What the processes on a cluster have in common: the connection, what is served, where the WakeServices are watched."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TypedDict

from wakedock_operator.adapters.kubernetes.catalog import PLURAL
from wakedock_operator.adapters.kubernetes.client import Api, Raw, connect, resource_path
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.resource import API_VERSION, WakeService
from wakedock_operator.resource.backends import Backend, refusal

from .addresses import Address
from .allowed_hosts import AllowedHosts
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
    allowed = AllowedHosts(settings.allowed_hosts)
    return lambda service: refusal(service, Backend.KUBERNETES) or allowed.refusal(service.key, service.spec.hosts)
