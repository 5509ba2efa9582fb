"""One process on one machine: the parts, put together. The only place that knows both halves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from wakedock_operator.activator.activator import Activator
from wakedock_operator.activator.desk import Desk
from wakedock_operator.activator.options import GatewayOptions
from wakedock_operator.activator.routes import RouteKeeper
from wakedock_operator.activator.server import build_app, serve
from wakedock_operator.adapters.caddy.edge import CaddyEdge
from wakedock_operator.adapters.caddy.options import CaddyOptions, Tls
from wakedock_operator.adapters.clock import SystemClock
from wakedock_operator.adapters.files.board import RecordBoard
from wakedock_operator.adapters.files.catalog import FileCatalog
from wakedock_operator.adapters.files.journal import FileJournal
from wakedock_operator.adapters.metrics import Metrics
from wakedock_operator.adapters.process.workloads import ProcessWorkloads
from wakedock_operator.controller.loop import Controller

from .directories import Directories
from .settings import Settings

GATEWAY = "local"


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs in this process."""

    settings: Settings
    directories: Directories
    catalog: FileCatalog
    board: RecordBoard
    workloads: ProcessWorkloads
    edge: CaddyEdge
    journal: FileJournal
    metrics: Metrics
    activator: Activator
    controller: Controller
    routes: RouteKeeper
    clock: SystemClock


def caddy_options(settings: Settings, directories: Directories) -> CaddyOptions:
    """How Caddy is to run under these settings."""
    return CaddyOptions(
        runtime=directories.runtime,
        data=directories.data,
        listen=settings.listen,
        tls=Tls(settings.tls.value),
        trusted_proxies=settings.trusted_proxies,
        grace_period=settings.grace_period.total_seconds(),
        binary=settings.caddy,
    )


@asynccontextmanager
async def composed(settings: Settings, directories: Directories) -> AsyncIterator[Parts]:
    """Everything but Caddy started, adopted and answering; closed at the end. Apps and Caddy are left as they are."""
    async with AsyncExitStack() as closing:
        clock, metrics = SystemClock(), Metrics()
        journal = FileJournal(directories.journal, keep=settings.history, on_drop=metrics.journal_dropped)
        closing.push_async_callback(journal.close)
        workloads = await ProcessWorkloads.open(runtime=directories.runtime, data=directories.data)
        closing.push_async_callback(workloads.close)
        catalog = FileCatalog(settings.files, data=directories.data)
        await catalog.load()
        board = RecordBoard(directories.runtime / "status")
        edge = CaddyEdge(caddy_options(settings, directories))
        activator = Activator(
            catalog=catalog,
            board=board,
            workloads=workloads,
            edge=edge,
            journal=journal,
            clock=clock,
            metrics=metrics,
            options=GatewayOptions(
                name=GATEWAY, drain_patience=settings.drain_patience.total_seconds(), max_held=settings.max_held_total
            ),
        )
        controller = Controller(
            catalog=catalog,
            board=board,
            workloads=workloads,
            edge=edge,
            journal=journal,
            clock=clock,
            metrics=metrics,
            gateways=frozenset({GATEWAY}),
        )
        routes = RouteKeeper(catalog=catalog, edge=edge, metrics=metrics, applied=controller.edge_changed)
        yield Parts(settings, directories, catalog, board, workloads, edge, journal, metrics, activator, controller, routes, clock)


async def answering(parts: Parts, socket: Path) -> AsyncExitStack:
    """The activator's HTTP side, listening on `socket`; close the returned stack to end it."""
    stack = AsyncExitStack()
    runner = await serve(build_app(Desk(parts.activator, parts.journal), parts.clock), socket)
    stack.push_async_callback(runner.cleanup)
    return stack


async def keep(parts: Parts) -> None:
    """All loops of both halves, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(parts.catalog.run(), name="catalog")
        tasks.create_task(parts.activator.run(), name="activator")
        tasks.create_task(parts.controller.run(), name="controller")
        tasks.create_task(parts.routes.run(), name="routes")
