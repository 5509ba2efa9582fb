"""`wakedock gateway`: the Python half of one gateway on Kubernetes, beside a Caddy that the kubelet keeps running."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from watchfiles import awatch

from wakedock_operator.activator.activator import Activator
from wakedock_operator.activator.desk import Desk
from wakedock_operator.activator.options import GatewayOptions
from wakedock_operator.activator.routes import RouteKeeper
from wakedock_operator.activator.server import build_app, serve
from wakedock_operator.adapters.caddy.edge import CaddyEdge
from wakedock_operator.adapters.caddy.neighbour import Neighbour
from wakedock_operator.adapters.caddy.options import CaddyOptions, Tls
from wakedock_operator.adapters.clock import SystemClock
from wakedock_operator.adapters.kubernetes.board import KubernetesBoard
from wakedock_operator.adapters.kubernetes.catalog import KubernetesCatalog
from wakedock_operator.adapters.kubernetes.departure import Departure
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.workloads.waking import KubernetesWaking
from wakedock_operator.adapters.metrics import Metrics, watch_loop_lag
from wakedock_operator.adapters.recent_wakes import RecentWakes
from wakedock_operator.api.ports import Health
from wakedock_operator.api.probes import serve_probes
from wakedock_operator.errors import ConfigurationMistake

from .cluster import accepts, connected, probe_address, watchings
from .cluster_settings import GatewaySettings
from .run import raise_descriptor_limit

PORTS_WITHIN = 1.0
"""Seconds for which a new service is not routed while the operator may be about to give it its port."""
FAREWELL = 1.0
"""Seconds in which its Caddy, about to end, asks clients that keep connections to go to another gateway."""
HEAD_START = 1.0
"""Seconds by which the stop of a forced drain precedes the wake by what waits: the operator needs a handful of requests for it."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs in this process. `stopping` ends with the pod."""

    settings: GatewaySettings
    shelf: Shelf
    edge: CaddyEdge
    activator: Activator
    routes: RouteKeeper
    metrics: Metrics
    started: asyncio.Event


def run(settings: GatewaySettings) -> int:
    """Run until SIGTERM or SIGINT."""
    if not settings.name:
        raise ConfigurationMistake("a gateway needs a name of its own: give the pod's with --name (or WAKEDOCK_NAME)")
    if settings.certificates is not None and settings.acme_storage is not None:
        raise ConfigurationMistake("--certificates and --acme-storage are two ways to the same: give one of them")
    raise_descriptor_limit()
    return asyncio.run(_run(settings))


async def _run(settings: GatewaySettings) -> int:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    async with _serving(settings) as keeping:
        asking = asyncio.create_task(asked.wait(), name="signal")
        await asyncio.wait({keeping, asking}, return_when=asyncio.FIRST_COMPLETED)
        asking.cancel()
        if keeping.done():
            keeping.result()
    return 0


@asynccontextmanager
async def _serving(settings: GatewaySettings) -> AsyncIterator[asyncio.Task[None]]:
    """Everything at work; the task ends only by a fault. Caddy is the kubelet's: it is left as it is."""
    async with AsyncExitStack() as closing:
        api = await connected(settings, closing)
        shelf = Shelf(accepts(settings))
        clock, metrics, journal = SystemClock(), Metrics(counts_wakes=False), RecentWakes()
        catalog, board = KubernetesCatalog(api, shelf), KubernetesBoard(api, shelf)
        workloads = KubernetesWaking(api, shelf.entry, shelf.replicas)
        closing.callback(workloads.close)
        edge = CaddyEdge(_caddy(settings), Neighbour)
        activator = Activator(
            catalog=catalog,
            board=board,
            workloads=workloads,
            edge=edge,
            journal=journal,
            clock=clock,
            metrics=metrics,
            options=GatewayOptions(
                name=settings.name,
                drain_patience=settings.drain_patience.total_seconds(),
                head_start=HEAD_START,
                max_held=settings.max_held_total,
            ),
        )
        routes = RouteKeeper(catalog=catalog, board=board, edge=edge, metrics=metrics, applied=lambda: None, ports_within=PORTS_WITHIN)
        parts = Parts(settings, shelf, edge, activator, routes, metrics, asyncio.Event())
        departure = Departure(
            api,
            namespace=settings.namespace,
            callers_in=settings.watch_namespaces or (None,),
            pod=settings.name,
            runtime=settings.runtime,
            carried=edge.carried,
        )
        await closing.enter_async_context(
            serve_probes(
                **probe_address(settings),
                metrics=metrics,
                health=lambda: _health(parts),
                started=parts.started.is_set,
                routes=lambda: _routes(parts),
            )
        )
        watching = watchings(api, settings, shelf)
        metrics.watches("wakeservices", lambda: min(each.last_heard for each in watching))
        feeding = [asyncio.create_task(each.run(), name="watch") for each in watching]
        closing.push_async_callback(_cancel, *feeding)
        await shelf.synced.wait()
        await edge.start()
        closing.push_async_callback(edge.release)
        activator.take_over()
        runner = await serve(build_app(Desk(activator, journal), clock), settings.runtime / "activator.sock")
        closing.push_async_callback(runner.cleanup)
        keeping = asyncio.create_task(_keep(parts, departure, feeding), name="keep")
        closing.push_async_callback(_cancel, keeping)
        parts.started.set()
        log.info("started", gateway=settings.name, services=len(catalog.current().entries))
        yield keeping


def _caddy(settings: GatewaySettings) -> CaddyOptions:
    return CaddyOptions(
        runtime=settings.runtime,
        data=settings.acme_storage or settings.runtime,
        listen=settings.listen,
        tls=_tls(settings),
        certificates=settings.certificates,
        proxy_protocol=settings.proxy_protocol,
        trusted_proxies=settings.trusted_proxies,
        farewell=FAREWELL,
        environment=(),
    )


def _tls(settings: GatewaySettings) -> Tls:
    if settings.certificates is not None:
        return Tls.FILES
    return Tls.OFF if settings.acme_storage is None else Tls.AUTO


async def _follow_certificates(folder: Path, routes: RouteKeeper) -> None:
    """A renewed certificate makes another configuration; kubelet puts it there by moving a link."""
    async for _ in awatch(folder, recursive=True, yield_on_timeout=False):
        log.info("the certificates have changed", folder=str(folder))
        routes.apply_again()


async def _keep(parts: Parts, departure: Departure, feeding: list[asyncio.Task[None]]) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(parts.activator.run(), name="activator")
        tasks.create_task(parts.routes.run(), name="routes")
        tasks.create_task(departure.run(), name="departure")
        if parts.settings.certificates is not None:
            tasks.create_task(_follow_certificates(parts.settings.certificates, parts.routes), name="certificates")
        tasks.create_task(watch_loop_lag(parts.metrics), name="loop-lag")
        for feed in feeding:
            tasks.create_task(_whole(feed), name="feed")


async def _whole(task: asyncio.Task[None]) -> None:
    await asyncio.shield(task)


def _routes(parts: Parts) -> dict[str, object]:
    """Up to which version of the WakeServices of each namespace requests are routed, and what Caddy refuses."""
    versions = parts.shelf.told if parts.routes.settled else parts.routes.versions
    return {"versions": versions, "rejected": {str(key): reason for key, reason in parts.edge.rejected.items()}}


async def _health(parts: Parts) -> Health:
    """Live while it runs; ready once its routes are in force and while its Caddy answers, whatever the API server does."""
    reasons = []
    if not parts.routes.in_force.is_set():
        reasons.append("the routes are not in force yet")
    elif not await parts.edge.answers():
        reasons.append("Caddy does not answer")
    return Health(live=True, ready=not reasons, reasons=tuple(reasons))


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
