"""kopf, as the operator's eyes: what it sees of WakeServices and workloads goes to callbacks in the main loop, and nothing comes back.

It lives in a thread with a loop of its own, because at its end it cancels every task of its loop. Only `on.event` is used: other handlers
annotate the objects that they see, or put finalizers on them.
"""

import asyncio
import itertools
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import kopf
import structlog
from kubernetes import client, config

from wakedock_operator.adapters.kubernetes.client import Raw
from wakedock_operator.adapters.kubernetes.heard import Heard
from wakedock_operator.resource import API_VERSION

log = structlog.get_logger(__name__)

PLURAL = "wakeservices"
RETRIES = (0.2, 0.4, 0.6, 0.8)
"""Seconds between tries while the API server is away, the last one again and again: its return is noticed within a second."""


class Patience:
    """Pauses between tries, without end. A list would have one, after which kopf gives a watch up for good that is refused.

    That happens: an API server that has just started refuses what roles allow, until it has read them.
    """

    def __iter__(self) -> Iterator[float]:
        yield from RETRIES
        yield from itertools.repeat(RETRIES[-1])


IDENTITY: Any = "wakedock"
"""Who kopf is among its peers; it has none here."""


class KopfFeed:
    """Calls `put(object)` and `drop(object)` for WakeServices and `moved(object)` for workloads, in the loop that called `start`."""

    def __init__(
        self,
        *,
        put: Callable[[Raw], None],
        drop: Callable[[Raw], None],
        moved: Callable[[Raw], None],
        workloads: Sequence[str],
        namespaces: Sequence[str] = (),
        kubeconfig: Path | None = None,
        context: str | None = None,
    ) -> None:
        self._put = put
        self._drop = drop
        self._moved = moved
        self._workloads = workloads
        self._namespaces = tuple(namespaces)
        self._kubeconfig = kubeconfig
        self._context = context
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.heard = {resource: Heard() for resource in (PLURAL, *workloads)}
        """What the watch of `wakeservices`, and of each of `workloads`, has told: that of which the callbacks know."""
        self.ended: asyncio.Future[None] | None = None
        """Done when kopf has ended; with its error when it ended by itself."""

    def start(self) -> None:
        """Begin, and return at once."""
        loop = asyncio.get_running_loop()
        self.ended = loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(loop, self.ended), name="kopf", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """End kopf and wait for it."""
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self, main: asyncio.AbstractEventLoop, ended: asyncio.Future[None]) -> None:
        # It says that it handles no signals, which in a thread it need not.
        logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
        registry = kopf.OperatorRegistry()
        self._watch(registry, main)
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.networking.error_backoffs = Patience()
        settings.watching.reconnect_backoff = RETRIES[0]
        error: BaseException | None = None
        try:
            kopf.run(
                registry=registry,
                settings=settings,
                # Not asked of the machine: a container's user may have no name.
                identity=IDENTITY,
                standalone=True,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=self._stop,
            )
        except BaseException as caught:  # noqa: BLE001 - whatever ended it is told to the main loop
            error = caught
        if error is None and not self._stop.is_set():
            error = RuntimeError("kopf ended by itself")
        main.call_soon_threadsafe(_finish, ended, error)

    def _watch(self, registry: kopf.OperatorRegistry, main: asyncio.AbstractEventLoop) -> None:
        group, _, version = API_VERSION.partition("/")

        def login(**_: Any) -> kopf.ConnectionInfo:
            return _connection(self._kubeconfig, self._context)

        kopf.on.login(registry=registry, errors=kopf.ErrorsMode.TEMPORARY)(login)
        kopf.on.event(group, version, PLURAL, registry=registry)(self._listener(PLURAL, main))
        for resource in self._workloads:
            plural, _, workload_group = resource.partition(".")
            kopf.on.event(workload_group, plural, registry=registry)(self._listener(resource, main))

    def _listener(self, resource: str, main: asyncio.AbstractEventLoop) -> Callable[..., Awaitable[None]]:
        async def listen(type: str | None, event: Any, **_: Any) -> None:  # noqa: A002 - kopf's name
            main.call_soon_threadsafe(self._hear, resource, dict(event["object"]), type == "DELETED")

        return listen

    def _hear(self, resource: str, raw: Raw, gone: bool) -> None:  # noqa: FBT001 - `call_soon` passes nothing by name
        self.heard[resource].saw(raw, gone=gone)
        if resource != PLURAL:
            self._moved(raw)
        elif gone:
            self._drop(raw)
        else:
            self._put(raw)


def _connection(kubeconfig: Path | None, context: str | None) -> kopf.ConnectionInfo:
    """What `connect` would choose, so that both parts of the operator see the same cluster."""
    # The package has no type information for these.
    load_account: Any = config.load_incluster_config
    load_file: Any = config.load_kube_config
    found = client.Configuration()
    if kubeconfig is None and context is None and "KUBECONFIG" not in os.environ and os.environ.get("KUBERNETES_SERVICE_HOST"):
        load_account(client_configuration=found)
    else:
        load_file(str(kubeconfig) if kubeconfig is not None else None, context, client_configuration=found)
    scheme, _, token = (found.get_api_key_with_prefix("BearerToken", alias="authorization") or "").partition(" ")
    return kopf.ConnectionInfo(
        server=found.host,
        ca_path=found.ssl_ca_cert,
        insecure=not found.verify_ssl,
        scheme=scheme if token else None,
        token=token or None,
        certificate_path=found.cert_file,
        private_key_path=found.key_file,
    )


def _finish(ended: asyncio.Future[None], error: BaseException | None) -> None:
    if ended.done():
        return
    if error is None:
        ended.set_result(None)
    else:
        ended.set_exception(error)
