"""What an earlier WakeDock left: apps that run on, stops that nobody finished, starts that nobody knows of."""

import asyncio
import signal
from collections.abc import Callable

import structlog

from wakedock_operator.adapters.process.ending import Tree, end_all
from wakedock_operator.adapters.process.handle import ProcessHandle
from wakedock_operator.adapters.process.record import InstanceRecord, State
from wakedock_operator.adapters.process.site import Site
from wakedock_operator.adapters.process.tree import strays
from wakedock_operator.resource import Key

log = structlog.get_logger(__name__)


async def adopt(site: Site, take: Callable[[Key, InstanceRecord, ProcessHandle | None], None]) -> None:
    """Hand every instance on record to `take`, then end the processes that carry this installation's mark and are on no record.

    A process whose start was recorded but not its pid is such a stray: no request has ever reached it.
    """
    known = set()
    for key, record in tuple(site.records.read_all()):
        if record.boot != site.boot or record.state is State.STARTING:
            site.records.remove(key)
            continue
        handle = ProcessHandle.open(record.pid, record.start_ticks)
        if handle is not None and record.state is State.RUNNING and record.resumes:
            # Killed between recording a resume and doing it.
            await Tree(leader=record.pid, start_ticks=record.start_ticks, mark=record.mark).resume()
        log.info("adopted", service=str(key), instance=record.id, state=record.state.value, alive=handle is not None)
        take(key, record, handle)
        known.add(record.mark)
    left = await asyncio.to_thread(strays, installation=site.installation, known=frozenset(known))
    if left:
        log.warning("ending processes that are on no record", pids=[each.pid for each in left])
        await end_all(left, signal.SIGKILL)
