"""`wakedock operator`: decides for every WakeService of a cluster, and keeps what belongs to them."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from wakedock_operator.adapters.clock import SystemClock
from wakedock_operator.adapters.kubernetes.board import KubernetesBoard
from wakedock_operator.adapters.kubernetes.callers.keeper import CallersKeeper
from wakedock_operator.adapters.kubernetes.callers.record import PortRecord
from wakedock_operator.adapters.kubernetes.catalog import PLURAL, KubernetesCatalog
from wakedock_operator.adapters.kubernetes.children.restoring import EVERYWHERE, Leftovers
from wakedock_operator.adapters.kubernetes.client import Api, resource_path
from wakedock_operator.adapters.kubernetes.errors import ApiError, NotFound
from wakedock_operator.adapters.kubernetes.events import KubernetesJournal
from wakedock_operator.adapters.kubernetes.gateways import PodGateways
from wakedock_operator.adapters.kubernetes.kopf_feed import KopfFeed
from wakedock_operator.adapters.kubernetes.lease import holding
from wakedock_operator.adapters.kubernetes.refusals import Refusals
from wakedock_operator.adapters.kubernetes.routed import GatewayRoutes
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.sweep import Sweep
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.adapters.kubernetes.workloads.workloads import KubernetesWorkloads
from wakedock_operator.adapters.metrics import Metrics, watch_loop_lag
from wakedock_operator.api.ports import Health
from wakedock_operator.api.probes import serve_probes
from wakedock_operator.controller.loop import Controller
from wakedock_operator.resource import API_VERSION

from .cluster import accepts, connected, probe_address
from .cluster_settings import OperatorSettings
from .operator_watches import Watches, health

AGAIN = 1.0
"""Seconds between two tries of the first list."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs in this process."""

    settings: OperatorSettings
    api: Api
    shelf: Shelf
    catalog: KubernetesCatalog
    board: KubernetesBoard
    workloads: KubernetesWorkloads
    journal: KubernetesJournal
    gateways: PodGateways
    routing: GatewayRoutes
    metrics: Metrics
    clock: SystemClock
    watches: Watches
    sweep: Sweep


def run(settings: OperatorSettings) -> int:
    """Run until SIGTERM or SIGINT."""
    named = settings.model_copy(update={"name": settings.name or socket.gethostname()})
    return asyncio.run(_run(named))


async def _run(settings: OperatorSettings) -> int:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    async with AsyncExitStack() as closing:
        parts = await _composed(settings, closing)
        keeping = asyncio.create_task(_keep(parts), name="keep")
        asking = asyncio.create_task(asked.wait(), name="signal")
        await asyncio.wait({keeping, asking}, return_when=asyncio.FIRST_COMPLETED)
        asking.cancel()
        if keeping.done():
            keeping.result()
        keeping.cancel()
        await asyncio.wait({keeping})
    return 0


async def _composed(settings: OperatorSettings, closing: AsyncExitStack) -> Parts:
    api = await connected(settings, closing)
    shelf, metrics = Shelf(accepts(settings)), Metrics()
    workloads = KubernetesWorkloads(api, shelf.entry, shelf.replicas)
    closing.callback(workloads.close)
    feed = KopfFeed(
        put=shelf.put,
        drop=shelf.drop,
        moved=workloads.moved,
        workloads=settings.scale_targets,
        namespaces=settings.watch_namespaces,
        kubeconfig=settings.kubeconfig,
        context=settings.context,
    )
    gateways = PodGateways(api, namespace=settings.namespace, selector=settings.gateway_selector)
    watches = Watches(
        feed=feed,
        services=workloads.services.watching(api, settings.watch_namespaces),
        pods=Watching(
            api, gateways.path, put=gateways.put, drop=gateways.drop, replace_all=gateways.replace_all, selector=gateways.selector
        ),
    )
    watches.tell_ages(metrics)
    parts = Parts(
        settings=settings,
        api=api,
        shelf=shelf,
        catalog=KubernetesCatalog(api, shelf),
        board=KubernetesBoard(api, shelf),
        workloads=workloads,
        journal=KubernetesJournal(
            api,
            instance=settings.name,
            uid_of=lambda key: None if (seen := shelf.seen(key)) is None else seen.uid,
            on_drop=metrics.journal_dropped,
        ),
        gateways=gateways,
        routing=GatewayRoutes(shelf, gateways, port=settings.gateway_port),
        metrics=metrics,
        clock=SystemClock(),
        watches=watches,
        sweep=Sweep(api, watches.watched(settings, shelf)),
    )
    await closing.enter_async_context(
        serve_probes(**probe_address(settings), metrics=metrics, health=lambda: _health(parts), started=lambda: True)
    )
    return parts


def _paths(settings: OperatorSettings) -> tuple[str, ...]:
    namespaces: tuple[str | None, ...] = settings.watch_namespaces or (None,)
    return tuple(resource_path(API_VERSION, PLURAL, namespace=namespace) for namespace in namespaces)


async def _keep(parts: Parts) -> None:
    await _listed(parts)
    async with _fed(parts), asyncio.TaskGroup() as tasks:
        tasks.create_task(parts.journal.run(), name="events")
        tasks.create_task(parts.sweep.run(), name="sweep")
        tasks.create_task(parts.watches.pods.run(), name="gateways")
        for watching in parts.watches.services:
            tasks.create_task(watching.run(), name="services")
        tasks.create_task(parts.routing.run(), name="routing")
        tasks.create_task(watch_loop_lag(parts.metrics), name="loop-lag")
        tasks.create_task(_kopf_runs(parts.watches.feed), name="kopf")
        tasks.create_task(_decide(parts), name="controller")


async def _listed(parts: Parts) -> None:
    """Know everything once, consistently, before anything is decided."""
    leftovers: asyncio.Task[None] | None = None
    try:
        while True:
            try:
                parts.shelf.replace_all([raw for path in _paths(parts.settings) for raw in await parts.api.read_all(path)])
            except ApiError as error:
                log.warning("the WakeServices cannot be listed", error=str(error), again_in=AGAIN)
                if leftovers is None and isinstance(error, NotFound):
                    # Their definition was deleted, and each of them with it. Whoever brings it back begins with none.
                    leftovers = asyncio.create_task(_leftovers(parts).run(), name="leftovers")
                await asyncio.sleep(AGAIN)
            else:
                return
    finally:
        if leftovers is not None:
            leftovers.cancel()
            await asyncio.wait({leftovers})


@asynccontextmanager
async def _fed(parts: Parts) -> AsyncIterator[None]:
    parts.watches.feed.start()
    try:
        yield
    finally:
        await parts.watches.feed.stop()


async def _kopf_runs(feed: KopfFeed) -> None:
    if feed.ended is not None:
        await asyncio.shield(feed.ended)


async def _decide(parts: Parts) -> None:
    """Decide while this process holds the Lease; when it is lost, begin anew: what was remembered may be old by then."""
    settings = parts.settings
    for watching in parts.watches.services:
        await watching.synced.wait()
    while True:
        async with holding(parts.api, namespace=settings.namespace, name=settings.lease, identity=settings.name) as lost:
            controller = Controller(
                catalog=parts.catalog,
                board=parts.board,
                workloads=parts.workloads,
                edge=None,
                journal=parts.journal,
                clock=parts.clock,
                metrics=parts.metrics,
                gateways=parts.gateways,
                tells_wakes=True,
                routing=parts.routing,
            )
            record = PortRecord(parts.api, namespace=settings.namespace, name=f"{settings.lease}-ports")
            callers = CallersKeeper(parts.api, parts.shelf, parts.gateways, namespace=settings.namespace, record=record)
            working = {
                asyncio.create_task(controller.run(), name="deciding"),
                asyncio.create_task(callers.run(), name="callers"),
                asyncio.create_task(Refusals(parts.api, parts.shelf, parts.journal, parts.clock).run(), name="refusals"),
                asyncio.create_task(_leftovers(parts).run(), name="leftovers"),
            }
            losing = asyncio.create_task(lost.wait(), name="losing")
            try:
                ended, _ = await asyncio.wait({*working, losing}, return_when=asyncio.FIRST_COMPLETED)
                for task in ended & working:
                    task.result()
                log.warning("the lease was lost")
            finally:
                for task in (*working, losing):
                    task.cancel()
                await asyncio.wait({*working, losing})


def _leftovers(parts: Parts) -> Leftovers:
    return Leftovers(parts.api, partial(_uids, parts.api), parts.settings.watch_namespaces or (EVERYWHERE,))


async def _uids(api: Api, namespace: str) -> frozenset[str]:
    try:
        found = await api.read_all(resource_path(API_VERSION, PLURAL, namespace=namespace or None))
    except NotFound:
        return frozenset()
    return frozenset(raw["metadata"]["uid"] for raw in found)


async def _health(parts: Parts) -> Health:
    return health(parts.sweep, parts.shelf)
