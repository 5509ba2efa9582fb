"""`wakedock run`: one process that keeps every app asleep until a request comes."""

import asyncio
import os
import resource
import signal

import structlog

from .compose import Parts, composed, serving
from .directories import Directories, opened, resolve
from .settings import Settings

log = structlog.get_logger(__name__)


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT. Raises WakeDockError when the start is impossible."""
    directories = resolve(settings.data, settings.runtime, os.environ)
    raise_descriptor_limit()
    with opened(directories):
        return asyncio.run(_run(settings, directories))


async def _run(settings: Settings, directories: Directories) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with composed(settings, directories) as parts, serving(parts) as running, asyncio.TaskGroup() as tasks:
        ready = tasks.create_task(_tell_ready(parts), name="ready")
        stopping = tasks.create_task(stop.wait(), name="signal")
        await asyncio.wait({running.keeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if stopping.done():
            log.info("stopping", grace=settings.grace_period.total_seconds())
            await running.shut_down()
        else:
            stopping.cancel()
            running.keeping.result()
    return 0


async def _tell_ready(parts: Parts) -> None:
    await parts.routes.in_force.wait()
    services = len(parts.catalog.current().entries)
    log.info("ready", listen=parts.settings.listen, data=str(parts.directories.data), services=services)


def raise_descriptor_limit() -> None:
    """Each held request takes a descriptor here and two in Caddy."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
