"""`wakedock run`: one process that keeps every app asleep until a request comes."""

import asyncio
import os
import resource
import signal
from contextlib import AsyncExitStack

import structlog

from wakedock_operator.adapters.caddy.errors import AccessTimesUnkept, CaddyError, ListenerTaken, SocketPathTooLong
from wakedock_operator.adapters.caddy.errors import CaddyMissing as NoCaddy
from wakedock_operator.adapters.caddy.errors import CaddyTooOld as OldCaddy
from wakedock_operator.errors import (
    AccessTimesNotKept,
    CaddyFailed,
    CaddyMissing,
    CaddyTooOld,
    DirectoryUnusable,
    PortInUse,
    WakeDockError,
)

from .compose import Parts, answering, composed, keep
from .directories import Directories, opened, resolve
from .settings import Settings

log = structlog.get_logger(__name__)

_START_ERRORS: tuple[tuple[type[CaddyError], type[WakeDockError]], ...] = (
    (NoCaddy, CaddyMissing),
    (OldCaddy, CaddyTooOld),
    (ListenerTaken, PortInUse),
    (AccessTimesUnkept, AccessTimesNotKept),
    (SocketPathTooLong, DirectoryUnusable),
    (CaddyError, CaddyFailed),
)


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT. Raises WakeDockError when the start is impossible."""
    directories = resolve(settings.data, settings.runtime, os.environ)
    _raise_descriptor_limit()
    with opened(directories):
        return asyncio.run(_run(settings, directories))


async def _run(settings: Settings, directories: Directories) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with composed(settings, directories) as parts, AsyncExitStack() as stack:
        await stack.enter_async_context(await answering(parts, directories.runtime / "activator.sock"))
        await _start_caddy(parts)
        keeping = asyncio.create_task(keep(parts), name="keep")
        stopping = asyncio.create_task(stop.wait(), name="signal")
        ready = asyncio.create_task(_tell_ready(parts), name="ready")
        await asyncio.wait({keeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if stopping.done():
                await _stop(parts)
        finally:
            for task in (keeping, stopping, ready):
                task.cancel()
            await asyncio.wait({keeping, stopping, ready})
            await parts.edge.release()
        if not keeping.cancelled() and (error := keeping.exception()) is not None:
            raise error
    return 0


async def _tell_ready(parts: Parts) -> None:
    await parts.routes.in_force.wait()
    services = len(parts.catalog.current().entries)
    log.info("ready", listen=parts.settings.listen, data=str(parts.directories.data), services=services)


async def _start_caddy(parts: Parts) -> None:
    try:
        await parts.edge.start()
    except CaddyError as error:
        for kind, foreseen in _START_ERRORS:
            if isinstance(error, kind):
                raise foreseen(str(error)) from error
        raise


async def _stop(parts: Parts) -> None:
    """Caddy first: it accepts nothing new, and what is held is answered while it drains. Then the apps that are to sleep."""
    log.info("stopping", grace=parts.settings.grace_period.total_seconds())
    await parts.edge.stop()
    await parts.controller.sleep_for_shutdown()


def _raise_descriptor_limit() -> None:
    """Each held request takes a descriptor here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
