"""A fresh start: a port, a record, a process, in this order."""

import asyncio
import math
import secrets
import threading
import time
from dataclasses import dataclass, replace

import structlog

from wakedock_operator.adapters.process.definition import fingerprint
from wakedock_operator.adapters.process.ending import Tree
from wakedock_operator.adapters.process.handle import ProcessHandle
from wakedock_operator.adapters.process.launch import Order, discard, launch
from wakedock_operator.adapters.process.listeners import listening_on, named, ports_of
from wakedock_operator.adapters.process.log_file import LogFile
from wakedock_operator.adapters.process.own_thread import in_own_thread
from wakedock_operator.adapters.process.ports import bindable
from wakedock_operator.adapters.process.record import InstanceRecord, State
from wakedock_operator.adapters.process.refused import StartRefused
from wakedock_operator.adapters.process.site import Site
from wakedock_operator.core.status import FailureReason
from wakedock_operator.resource import Key, WakeService

log = structlog.get_logger(__name__)

LOOK_AGAIN = 1.0
"""Seconds between two looks at where an app listens that does not listen where it should: each reads all of /proc."""


@dataclass(slots=True)
class SupervisedProcess:
    """What runs, ends or is paused now. `handle` is None when the first process was gone before it could be adopted."""

    record: InstanceRecord
    handle: ProcessHandle | None
    tree: Tree
    _looked: float = -math.inf
    _elsewhere: str = ""

    @classmethod
    def of(cls, record: InstanceRecord, handle: ProcessHandle | None) -> "SupervisedProcess":
        """The process behind a record."""
        return cls(record, handle, Tree(leader=record.pid, start_ticks=record.start_ticks, mark=record.mark))

    def send(self, number: int) -> None:
        """Signal the first process, if it is still there."""
        if self.handle is not None:
            self.handle.send(number)

    def send_group(self, number: int) -> None:
        """Signal the process group, while the first process is there to vouch for its number."""
        if self.handle is not None:
            self.handle.send_group(number)

    async def elsewhere(self) -> str:
        """Where the app listens instead of on its port, as the end of a sentence; looked at once a second at most."""
        now, record = time.monotonic(), self.record
        if now - self._looked >= LOOK_AGAIN:
            self._looked = now
            ports = await asyncio.to_thread(ports_of, leader=record.pid, start_ticks=record.start_ticks, mark=record.mark)
            where = ", ".join(map(str, ports))
            self._elsewhere = f"; the app listens on port {where}: let it listen on $(PORT), or set spec.port" if where else ""
        return self._elsewhere


async def start_fresh(key: Key, service: WakeService, uid: str, *, site: Site, output: LogFile) -> SupervisedProcess:
    """Start the service's app. The process runs when this returns, but is on record as starting only. Raises StartRefused.

    When it is cancelled, whatever the start still brings about is ended.
    """
    app = service.spec.app
    if app is None:
        raise StartRefused(FailureReason.BACKEND, f"{key} has no app to start; describe it in spec.app")
    dependency_ports = site.dependency_ports(service)
    port = await _port(key, service, site)
    record = InstanceRecord(
        uid=uid,
        mark=f"{site.installation}/{key.file_name}/{secrets.token_hex(8)}",
        boot=site.boot,
        definition=fingerprint(service),
        port=port,
        address=f"127.0.0.1:{port}" if site.listens(service) else "",
        state=State.STARTING,
        started_at=time.time(),
        stop_signal=app.stop_signal,
        grace=service.spec.sleep.grace_period.total_seconds(),
        dependency_ports=dependency_ports,
    )
    order = Order(app=app, port=port, mark=record.mark, dependency_ports=dependency_ports)
    given_up = threading.Event()

    def announce() -> None:
        if given_up.is_set():
            # The record is that of a later start by now.
            raise StartRefused(FailureReason.BACKEND, "this start was given up")
        site.records.write(key, record)

    try:
        # It reads files of the app's, which may lie on a network.
        launched = await in_own_thread(
            lambda: launch(order, log=output, announce=announce, descriptors=site.descriptors), name="launch", undo=discard
        )
    except (StartRefused, asyncio.CancelledError):
        given_up.set()
        site.forget(key)
        raise
    if output.problem is not None:
        log.warning("output not kept", service=str(key), problem=output.problem)
    handle = launched.handle
    record = replace(record, state=State.RUNNING, pid=handle.pid, start_ticks=handle.start_ticks, log_offset=launched.log_offset)
    return SupervisedProcess.of(record, handle)


async def _port(key: Key, service: WakeService, site: Site) -> int:
    fixed = service.spec.port
    port = site.ports.reserve(key)
    if fixed is not None and port != fixed:
        # It was reserved before the definition named one.
        site.ports.occupy(key, port := fixed)
    try:
        if bindable(port, everywhere=False):
            return port
    except PermissionError:
        raise StartRefused(
            FailureReason.NOT_PERMITTED, f"port {port} needs privileges to listen on; choose one above 1023 or run WakeDock as root"
        ) from None
    if fixed is not None:
        who = await asyncio.to_thread(listening_on, port, installation=site.installation)
        what = "end that process or" if who is None or who.service is None else "put that service to sleep or"
        raise StartRefused(FailureReason.PORT_TAKEN, f"port {port} is in use{named(who)}; {what} change spec.port")
    site.ports.release(key)
    return site.ports.reserve(key)
