"""`wakedock run`: one process that keeps every app asleep until a request comes."""

import asyncio
import os
import resource
import signal

import structlog

from wakedock_operator.adapters.files.catalog import FileCatalog
from wakedock_operator.errors import ConfigurationMistake

from .compose import Parts, Running, composed, serving
from .directories import Directories, opened, resolve
from .settings import Settings

log = structlog.get_logger(__name__)


def run(settings: Settings) -> int:
    """Run until SIGTERM, SIGINT or SIGHUP (of a terminal that is closed). Raises WakeDockError when the start is impossible."""
    directories = resolve(settings.data, settings.runtime, os.environ)
    absent = FileCatalog.absent(settings.files, data=directories.data)
    if absent:
        raise ConfigurationMistake(
            f"there is no {' and no '.join(map(str, absent))}; correct -f (or WAKEDOCK_FILES), or create what it names"
        )
    descriptors = raise_descriptor_limit()
    with opened(directories):
        return asyncio.run(_run(settings, directories, descriptors))


async def _run(settings: Settings, directories: Directories, descriptors: int) -> int:
    asked, urged, started = asyncio.Event(), asyncio.Event(), False
    this = asyncio.current_task()

    def stop() -> None:
        (urged if asked.is_set() else asked).set()
        if not started and this is not None:
            this.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    # Ignored under nohup. A closed terminal may send it several times: that urges nothing.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, lambda: None if asked.is_set() else stop())
    try:
        async with (
            composed(settings, directories, descriptors=descriptors) as parts,
            serving(parts) as running,
            asyncio.TaskGroup() as tasks,
        ):
            started = True
            ready = tasks.create_task(_tell_ready(parts), name="ready")
            asking = tasks.create_task(asked.wait(), name="signal")
            await asyncio.wait({running.keeping, asking}, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            if asking.done():
                await _stop(running, urged)
            else:
                asking.cancel()
                running.keeping.result()
    except asyncio.CancelledError:
        if started:
            raise
        log.info("stopped before the start was over")
    return 0


async def _stop(running: Running, urged: asyncio.Event) -> None:
    """Stop in good order; at a second signal leave things as they are: Caddy has the grace period, apps run on."""
    log.info("stopping", grace=running.parts.settings.grace_period.total_seconds())
    stopping = asyncio.create_task(running.shut_down(), name="shut-down")
    urging = asyncio.create_task(urged.wait(), name="second-signal")
    await asyncio.wait({stopping, urging}, return_when=asyncio.FIRST_COMPLETED)
    urging.cancel()
    if stopping.done():
        stopping.result()
        return
    log.warning("stopping at once, as asked twice")
    stopping.cancel()
    await asyncio.wait({stopping})


async def _tell_ready(parts: Parts) -> None:
    await parts.routes.in_force.wait()
    services = len(parts.catalog.current().entries)
    log.info("ready", listen=parts.settings.listen, data=str(parts.directories.data), services=services)


def raise_descriptor_limit() -> int:
    """Each held request takes a descriptor here and two in Caddy. Returns what the limit was: apps get that one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft
