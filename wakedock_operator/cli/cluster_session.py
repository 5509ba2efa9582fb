"""The control API over a cluster, for as long as one command lasts: what is asked and seen goes straight to the API server.

Whoever runs the command needs what kubectl would need for the same: read WakeServices, annotate them, read pods and their logs, Events.
"""

import asyncio
import logging
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from wakedock_operator.adapters.clock import SystemClock
from wakedock_operator.adapters.kubernetes.board import KubernetesBoard
from wakedock_operator.adapters.kubernetes.catalog import PLURAL, KubernetesCatalog
from wakedock_operator.adapters.kubernetes.client import connect, resource_path
from wakedock_operator.adapters.kubernetes.errors import ApiError, NotFound
from wakedock_operator.adapters.kubernetes.events import KubernetesJournal
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.adapters.kubernetes.workloads.workloads import KubernetesWorkloads
from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.api.ports import Health, Ports
from wakedock_operator.api.server import serve_socket
from wakedock_operator.cli.client import Client
from wakedock_operator.errors import NotRunning
from wakedock_operator.resource import API_VERSION, WakeService
from wakedock_operator.resource.backends import Backend, refusal

ADVICE = (
    "where nothing happens, the operator may not run: kubectl get pods --all-namespaces --selector=app.kubernetes.io/component=operator"
)
"""What a cluster leaves open, as every wish goes to the API server, and nobody says whether somebody reads it there."""


@dataclass(slots=True)
class _Session:
    kubeconfig: Path | None
    context: str | None
    namespace: str | None
    everywhere: bool
    socket: Path
    answers: threading.Event = field(default_factory=threading.Event)
    default: str = "default"
    _loop: asyncio.AbstractEventLoop | None = None
    _over: asyncio.Event | None = None

    def run(self) -> None:
        """In a thread of its own, until `end`."""
        asyncio.run(self._serve())

    def end(self) -> None:
        """Close everything."""
        if self._loop is not None and self._over is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._over.set)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with AsyncExitStack() as closing:
            api = await connect(kubeconfig=self.kubeconfig, context=self.context)
            closing.push_async_callback(api.close)
            self.default = self.namespace or api.namespace
            shelf = Shelf(_refused, heeds_conditions=True)
            path = resource_path(API_VERSION, PLURAL, namespace=None if self.everywhere else self.default)
            shelf.replace_all(await api.read_all(path))
            watching = Watching(api, path, put=shelf.put, drop=shelf.drop, replace_all=shelf.replace_all)
            following = asyncio.create_task(watching.run())
            closing.push_async_callback(_cancel, following)
            workloads = KubernetesWorkloads(api, shelf.entry, shelf.replicas)
            closing.callback(workloads.close)
            journal = KubernetesJournal(
                api, instance="cli", uid_of=lambda _: None, on_drop=lambda _: None, namespace=None if self.everywhere else self.default
            )
            ports = Ports(
                catalog=KubernetesCatalog(api, shelf),
                board=KubernetesBoard(api, shelf),
                workloads=workloads,
                journal=journal,
                metrics=Metrics(),
                clock=SystemClock(),
                health=lambda: Health(live=True, ready=True),
            )
            await closing.enter_async_context(serve_socket(ports, self.socket))
            self.answers.set()
            await self._over.wait()


@contextmanager
def session(kubeconfig: Path | None, context: str | None, *, namespace: str | None, everywhere: bool) -> Iterator[Client]:
    """A client that asks the cluster. Raises WakeDockError: no settings, no answer, no WakeServices there, not allowed."""
    # What this process would log is in the answers already.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="wakedock-") as folder:
        one = _Session(kubeconfig, context, namespace, everywhere, Path(folder) / "control.sock")
        with ThreadPoolExecutor(1, thread_name_prefix="cluster") as thread:
            running = thread.submit(one.run)
            running.add_done_callback(lambda _: one.answers.set())
            one.answers.wait()
            try:
                if running.done():
                    running.result()
                yield Client(one.socket, namespace=one.default, advice=ADVICE)
            except NotFound:
                message = "this cluster knows no WakeServices: install WakeDock there, or choose another --context"
                raise NotRunning(message) from None
            except ApiError as error:
                raise NotRunning(f"the cluster cannot be asked: {error}") from None
            finally:
                one.end()


def _refused(service: WakeService) -> str | None:
    return refusal(service, Backend.KUBERNETES)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
