"""Asking a process whether it is ready, and making sure that it was the process that answered."""

import asyncio

from wakedock_operator.adapters.probing import readiness
from wakedock_operator.adapters.probing.command import Surroundings
from wakedock_operator.adapters.process.launch import Order, program_of
from wakedock_operator.adapters.process.listeners import find
from wakedock_operator.adapters.process.own_thread import in_own_thread
from wakedock_operator.adapters.process.record import InstanceRecord
from wakedock_operator.adapters.process.refused import StartRefused
from wakedock_operator.ports.workloads import ProbeResult
from wakedock_operator.resource import App, CommandReadiness, WakeService


async def ask_ready(service: WakeService, record: InstanceRecord, *, listens: bool) -> tuple[ProbeResult, str]:
    """One probe of the definition, put to one instance; with it the address where the app itself listens (empty for a worker).

    A worker (which nobody expects to listen on its port) with no readiness declared is ready when it runs. Everything else must hold the
    listening socket itself: what a stranger answers on the same port does not count, and is not even asked.
    """
    address = ""
    if listens:
        found = await asyncio.to_thread(find, port=record.port, leader=record.pid, start_ticks=record.start_ticks, mark=record.mark)
        if not found.address:
            return ProbeResult(ready=False, detail=found.detail), ""
        address = found.address
    elif service.spec.wake.readiness is None:
        return ProbeResult(ready=True, detail="running"), ""
    how = readiness.probe_of(service)
    inside = None
    if isinstance(how, CommandReadiness) and service.spec.app is not None:
        try:
            app, command = service.spec.app, how
            inside = await in_own_thread(lambda: _inside(app, record, command), name="surroundings")
        except StartRefused as refused:
            return ProbeResult(ready=False, detail=str(refused)), ""
    return await readiness.ask_ready(how, readiness.target_of(service, address), inside), address


def _inside(app: App, record: InstanceRecord, how: CommandReadiness) -> readiness.Inside:
    program = program_of(Order(app, record.port, record.mark, record.dependency_ports), how.command)
    who = program.account
    return readiness.Inside(
        words=program.words,
        surroundings=Surroundings(
            environment=program.environment,
            working_dir=program.working_dir,
            uid=who.uid if who.other else None,
            gid=who.gid if who.other else None,
            groups=who.groups if who.other else None,
        ),
    )
