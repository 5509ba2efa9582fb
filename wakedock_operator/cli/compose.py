"""One process on one machine: the parts, put together. The only place that knows both halves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from wakedock_operator.activator.activator import Activator
from wakedock_operator.activator.desk import Desk
from wakedock_operator.activator.options import GatewayOptions
from wakedock_operator.activator.routes import RouteKeeper
from wakedock_operator.activator.server import build_app, end_streams, serve
from wakedock_operator.adapters.caddy import errors as caddy_errors
from wakedock_operator.adapters.caddy.edge import CaddyEdge
from wakedock_operator.adapters.caddy.errors import CaddyError
from wakedock_operator.adapters.caddy.options import CaddyOptions, Tls, environment_for
from wakedock_operator.adapters.clock import SystemClock
from wakedock_operator.adapters.files.board import RecordBoard
from wakedock_operator.adapters.files.catalog import FileCatalog
from wakedock_operator.adapters.files.journal import FileJournal
from wakedock_operator.adapters.metrics import Metrics, watch_loop_lag
from wakedock_operator.adapters.process.definition import refusals
from wakedock_operator.adapters.process.workloads import ProcessWorkloads
from wakedock_operator.api.gate import Gate
from wakedock_operator.api.ports import Health, Ports
from wakedock_operator.api.server import serve_address, serve_socket
from wakedock_operator.controller.loop import Controller
from wakedock_operator.errors import (
    AccessTimesNotKept,
    CaddyFailed,
    CaddyMissing,
    CaddyTooOld,
    DirectoryUnusable,
    PortInUse,
    WakeDockError,
)
from wakedock_operator.ports.gateways import FixedGateways

from .addresses import Address
from .directories import Directories
from .settings import Settings

GATEWAY = "local"

_START_ERRORS: tuple[tuple[type[CaddyError], type[WakeDockError]], ...] = (
    (caddy_errors.CaddyMissing, CaddyMissing),
    (caddy_errors.CaddyTooOld, CaddyTooOld),
    (caddy_errors.ListenerTaken, PortInUse),
    (caddy_errors.AccessTimesUnkept, AccessTimesNotKept),
    (caddy_errors.SocketPathTooLong, DirectoryUnusable),
    (CaddyError, CaddyFailed),
)


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


def caddy_options(settings: Settings, directories: Directories, *, services: int) -> CaddyOptions:
    """How Caddy is to run under these settings, with so many services at the start."""
    return CaddyOptions(
        runtime=directories.runtime,
        data=directories.data,
        listen=settings.listen,
        tls=Tls(settings.tls.value),
        trusted_proxies=settings.trusted_proxies,
        grace_period=settings.grace_period.total_seconds(),
        binary=settings.caddy,
        environment=environment_for(services),
    )


@asynccontextmanager
async def composed(settings: Settings, directories: Directories, *, descriptors: int | None = None) -> AsyncIterator[Parts]:
    """Everything but Caddy started, adopted and answering; closed at the end. Apps and Caddy are left as they are.

    `descriptors` is the soft limit that apps get, by default WakeDock's own.
    """
    async with AsyncExitStack() as closing:
        clock, metrics = SystemClock(), Metrics()
        journal = FileJournal(directories.journal, keep=settings.history, on_drop=metrics.journal_dropped)
        closing.push_async_callback(journal.close)
        workloads = await ProcessWorkloads.open(runtime=directories.runtime, data=directories.data, descriptors=descriptors)
        closing.push_async_callback(workloads.close)
        catalog = FileCatalog(settings.files, data=directories.data, refusals=refusals)
        await catalog.load()
        board = RecordBoard(directories.runtime / "status")
        edge = CaddyEdge(caddy_options(settings, directories, services=len(catalog.current().entries)))
        metrics.caddy_restarts.source = lambda: edge.restarts
        activator = Activator(
            catalog=catalog,
            board=board,
            workloads=workloads,
            edge=edge,
            journal=journal,
            clock=clock,
            metrics=metrics,
            options=GatewayOptions(name=GATEWAY, drain_patience=settings.drain_patience.total_seconds(), max_held=settings.max_held_total),
        )
        routes = RouteKeeper(
            catalog=catalog,
            board=board,
            edge=edge,
            metrics=metrics,
            applied=lambda: controller.edge_changed(),  # noqa: PLW0108 - it is made below, and knows the routes
        )
        controller = Controller(
            catalog=catalog,
            board=board,
            workloads=workloads,
            edge=edge,
            journal=journal,
            clock=clock,
            metrics=metrics,
            gateways=FixedGateways(frozenset({GATEWAY})),
            routing=routes,
        )
        yield Parts(settings, directories, catalog, board, workloads, edge, journal, metrics, activator, controller, routes, clock)


@dataclass(frozen=True, slots=True)
class Running:
    """A WakeDock at work. `keeping` is the task of its loops, which ends only by a fault."""

    parts: Parts
    keeping: asyncio.Task[None]
    activator_app: web.Application

    async def shut_down(self) -> None:
        """Caddy first: it accepts nothing new, and what is held is answered while it drains. Then the apps that are to sleep on exit."""
        end_streams(self.activator_app)
        await self.parts.edge.stop()
        await self.parts.controller.sleep_for_shutdown()


@asynccontextmanager
async def serving(parts: Parts) -> AsyncIterator[Running]:
    """Caddy adopted or started, holds answered, both halves at work.

    At the end Caddy is left running, unless `shut_down` was called. Raises WakeDockError when the start is impossible: then a Caddy that
    was started for it is ended.
    """
    async with AsyncExitStack() as closing:
        adopted = await _start_caddy(parts.edge)
        leave = parts.edge.release if adopted else parts.edge.stop

        async def leave_caddy() -> None:
            await leave()

        closing.push_async_callback(leave_caddy)
        # An adopted Caddy asks at once, and asks again until it is heard: nobody answers before the services are known.
        parts.activator.take_over()
        keeping = asyncio.create_task(_keep(parts), name="keep")
        closing.push_async_callback(_cancel, keeping)
        app = build_app(Desk(parts.activator, parts.journal), parts.clock)
        runner = await serve(app, parts.directories.runtime / "activator.sock")
        closing.push_async_callback(runner.cleanup)
        await _serve_api(parts, keeping, closing)
        leave = parts.edge.release
        yield Running(parts, keeping, app)


async def _serve_api(parts: Parts, keeping: asyncio.Task[None], closing: AsyncExitStack) -> None:
    """The control API on its socket, and on an address where one is asked for."""
    ports = Ports(
        catalog=parts.catalog,
        board=parts.board,
        workloads=parts.workloads,
        journal=parts.journal,
        metrics=parts.metrics,
        clock=parts.clock,
        health=lambda: _health(parts, keeping),
        idle_since=parts.activator.idle_since,
    )
    await closing.enter_async_context(serve_socket(ports, parts.directories.control_socket))
    settings = parts.settings
    if settings.api_listen is None:
        return
    address = Address.parse(settings.api_listen)
    token = settings.api_token.get_secret_value() if settings.api_token is not None else None
    try:
        await closing.enter_async_context(serve_address(ports, Gate(address.host, address.loopback, token), address.port))
    except OSError as error:
        message = f"the control API cannot listen on {address}: {error.strerror}; choose another with --api-listen"
        raise PortInUse(message) from error


def _health(parts: Parts, keeping: asyncio.Task[None]) -> Health:
    """Live while the loops run; ready while requests would be served."""
    reasons = []
    if keeping.done():
        reasons.append("its loops have ended; the log says why")
    if not parts.routes.in_force.is_set():
        reasons.append("the routes are not in force yet")
    if parts.edge.pid is None:
        reasons.append("Caddy does not run; it is started again")
    return Health(live=not keeping.done(), ready=not reasons, reasons=tuple(reasons))


async def _keep(parts: Parts) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(parts.catalog.run(), name="catalog")
        tasks.create_task(parts.activator.run(), name="activator")
        tasks.create_task(parts.controller.run(), name="controller")
        tasks.create_task(parts.routes.run(), name="routes")
        tasks.create_task(watch_loop_lag(parts.metrics), name="loop-lag")


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _start_caddy(edge: CaddyEdge) -> bool:
    """Whether it ran already."""
    try:
        return await edge.start()
    except CaddyError as error:
        for kind, foreseen in _START_ERRORS:
            if isinstance(error, kind):
                raise foreseen(str(error)) from error
        raise
