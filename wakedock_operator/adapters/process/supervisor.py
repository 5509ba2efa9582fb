"""One service as one supervised process.

    nothing ──start──▶ launching ──▶ running ──stop──▶ ending ──▶ nothing ──▶ launching, if a start was asked meanwhile
                                        │  └──stop, mode Pause──▶ paused ──start──▶ running (a new instance)
                                        └──exits by itself──▶ ending what it left behind ──▶ nothing

What is asked (`desired`) changes at once; the process follows. A new process is started only after the old one is gone with
everything it started, because both may want the same fixed port.
"""

import asyncio
import secrets
import signal
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import structlog

from wakedock_operator.adapters.process.definition import fingerprint, listens
from wakedock_operator.adapters.process.ending import Tree, send
from wakedock_operator.adapters.process.handle import ProcessHandle
from wakedock_operator.adapters.process.launch import Order, launch
from wakedock_operator.adapters.process.listeners import listening_on, named
from wakedock_operator.adapters.process.log_file import LogFile
from wakedock_operator.adapters.process.ports import PortBook, bindable
from wakedock_operator.adapters.process.record import InstanceRecord, RecordFolder, State
from wakedock_operator.adapters.process.refused import StartRefused
from wakedock_operator.core.observation import Instance, Observation
from wakedock_operator.core.status import Failure, FailureReason
from wakedock_operator.ports.workloads import VersionMoved
from wakedock_operator.resource import Key, SleepMode, WakeService

log = structlog.get_logger(__name__)

FAILURE_LINES = 10
FAILURE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Site:
    """What supervisors share. `installation` and `boot` name the runtime directory and this boot of the machine."""

    installation: str
    boot: str
    records: RecordFolder
    ports: PortBook
    dependency_ports: Callable[[WakeService], dict[str, int]]
    """The ports that `$(PORT:name)` stands for. Raises StartRefused."""
    port_needed: Callable[[Key], bool]
    """Whether a process runs that was told the port of this service."""
    run: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    tell: Callable[[Key], None]


@dataclass(slots=True)
class SupervisedProcess:
    """What runs, ends or is paused now."""

    record: InstanceRecord
    handle: ProcessHandle
    tree: Tree

    @classmethod
    def of(cls, record: InstanceRecord, handle: ProcessHandle) -> "SupervisedProcess":
        """The process behind a record."""
        return cls(record, handle, Tree(leader=record.pid, start_ticks=record.start_ticks, mark=record.mark))


class Supervisor:
    """The process of one service. All state changes happen between two awaits; `tell` follows each."""

    def __init__(self, key: Key, site: Site, output: LogFile) -> None:
        self.key = key
        self.output = output
        self.definition: WakeService | None = None
        self.uid = ""
        self.desired = False
        self.failure: Failure | None = None
        self.process: SupervisedProcess | None = None
        self._site = site
        self._line = secrets.token_hex(4)
        self._moves = 0
        self._launch: asyncio.Task[None] | None = None
        self._withdrawn = False
        self._halting: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        state = self.process.record.state if self.process else "launching" if self._launch else "nothing"
        return f"<supervisor {self.key}: {state}, desired {int(self.desired)}, version {self.version}>"

    @property
    def version(self) -> str:
        """Never the same again, not in another life of WakeDock either."""
        return f"{self._line}-{self._moves}"

    @property
    def running(self) -> SupervisedProcess | None:
        """The process, while it is neither ending nor paused."""
        return self.process if self.process is not None and self.process.record.state is State.RUNNING else None

    def observation(self) -> Observation:
        """A look. Nothing in it is older than this call."""
        process = self.process
        instances: tuple[Instance, ...] = ()
        if process is not None and process.record.state is not State.PAUSED:
            record = process.record
            instances = (Instance(id=record.id, address=record.address, terminating=record.state is State.STOPPING, ready=record.ready),)
        return Observation(
            desired=int(self.desired),
            settled=self._launch is None and self.desired == (self.running is not None),
            version=self.version,
            instances=instances,
            failure=self.failure,
            outdated=self.running is not None and not self._fits(self.running.record),
        )

    def define(self, service: WakeService, uid: str) -> None:
        """Set the definition. A paused process that no longer fits it is ended."""
        self.definition, self.uid = service, uid
        process = self.process
        if process is None and self._launch is None:
            self._site.ports.release(self.key)
        if process is not None and process.record.state is State.PAUSED:
            if service.spec.sleep.mode is not SleepMode.PAUSE or not self._fits(process.record):
                self._end()

    def fence(self) -> None:
        """Let every stop that was decided earlier fail."""
        self._moves += 1
        self._site.tell(self.key)

    async def start(self) -> None:
        """Ask for a process; return when it runs, is known to fail, or waits for its predecessor's end."""
        if self.definition is None:
            raise KeyError(self.key)
        if not self.desired:
            self.desired = True
            self.failure = None
            self.fence()
            self._proceed()
        if self._launch is not None:
            await asyncio.shield(self._launch)

    def stop(self, version: str) -> None:
        """End or pause the process. Comparing, recording and signalling are one step. Raises VersionMoved, OSError (no record, no stop)."""
        if version != self.version:
            raise VersionMoved(f"{self.key} was started or fenced since it was observed; read again")
        if self.running is not None:
            if self.definition is not None and self.definition.spec.sleep.mode is SleepMode.PAUSE:
                self._pause()
            else:
                self._end()
        self.desired = False
        self._withdrawn = True
        self.fence()

    def retire(self) -> None:
        """The service is no more: end what is left of it, paused processes too."""
        self.definition = None
        if self.process is not None and self.process.record.state is not State.STOPPING:
            self._end()
        self.desired = False
        self._withdrawn = True
        self.fence()

    def mark_ready(self, instance: str, address: str) -> bool:
        """The instance answered at this address. False when it is not the running one any more."""
        process = self.running
        if process is None or process.record.id != instance:
            return False
        fresh = replace(process.record, ready=True, address=address)
        if fresh != process.record:
            process.record = fresh
            try:
                self._site.records.write(self.key, fresh)
            except OSError as error:
                log.warning("instance record not written", service=str(self.key), error=str(error))
            self._site.tell(self.key)
        return True

    async def settle_launch(self) -> None:
        """Return when no start is half done: what is started must be on record before WakeDock ends."""
        if self._launch is not None:
            await asyncio.shield(self._launch)

    def let_go(self) -> None:
        """Stop looking at the process; it runs on."""
        if self.process is not None:
            self.process.handle.close()

    def adopt(self, record: InstanceRecord, handle: ProcessHandle) -> None:
        """Take over what an earlier WakeDock left."""
        self.process = SupervisedProcess.of(record, handle)
        self.uid = record.uid
        self._site.ports.occupy(self.key, record.port)
        self.desired = record.state is State.RUNNING
        handle.watch(self._exited)
        if record.state is State.STOPPING:
            self._end()
        elif record.state is State.PAUSED:
            self._pause()

    def _proceed(self) -> None:
        """Do what is asked, if nothing stands in the way."""
        if not self.desired or self._launch is not None:
            return
        if self.process is None:
            self._launch = self._site.run(self._launching(self._start_fresh))
        elif self.process.record.state is State.PAUSED:
            if self._fits(self.process.record):
                self._launch = self._site.run(self._launching(self._resume))
            else:
                self._end()

    async def _launching(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._withdrawn = False
        try:
            await step()
        except StartRefused as refused:
            if not self._withdrawn:
                self.desired = False
                self.failure = Failure(id=f"start-{self.version}", reason=refused.reason, message=str(refused))
                log.warning("start refused", service=str(self.key), reason=refused.reason.value, message=str(refused))
        finally:
            self._launch = None
            self._site.tell(self.key)
        self._proceed()

    async def _start_fresh(self) -> None:
        service = self.definition
        if service is None or service.spec.app is None:
            raise StartRefused(FailureReason.BACKEND, f"{self.key} has no app to start; describe it in spec.app")
        app = service.spec.app
        dependency_ports = self._site.dependency_ports(service)
        port = await self._free_port(service)
        record = InstanceRecord(
            uid=self.uid,
            mark=f"{self._site.installation}/{self.key.file_name}/{secrets.token_hex(8)}",
            boot=self._site.boot,
            definition=fingerprint(service),
            port=port,
            address=f"127.0.0.1:{port}" if listens(service) else "",
            state=State.STARTING,
            started_at=time.time(),
            stop_signal=app.stop_signal,
            grace=service.spec.sleep.grace_period.total_seconds(),
            dependency_ports=dependency_ports,
        )
        order = Order(app=app, port=port, mark=record.mark, dependency_ports=dependency_ports)
        try:
            launched = await asyncio.to_thread(launch, order, log=self.output, announce=lambda: self._site.records.write(self.key, record))
        except StartRefused:
            self._forget()
            raise
        if self.output.problem is not None:
            log.warning("output not kept", service=str(self.key), problem=self.output.problem)
        handle = launched.handle
        record = replace(record, state=State.RUNNING, pid=handle.pid, start_ticks=handle.start_ticks, log_offset=launched.log_offset)
        self.process = SupervisedProcess.of(record, handle)
        handle.watch(self._exited)
        self._record_start(record)
        if self._withdrawn:
            self._end()

    def _record_start(self, record: InstanceRecord) -> None:
        try:
            self._site.records.write(self.key, record)
        except OSError as error:
            self._end()
            raise StartRefused(FailureReason.BACKEND, f"the runtime directory cannot be written ({error}); make room there") from error

    async def _free_port(self, service: WakeService) -> int:
        ports, fixed = self._site.ports, service.spec.port
        port = ports.reserve(self.key)
        try:
            if bindable(port, everywhere=False):
                return port
        except PermissionError:
            raise StartRefused(
                FailureReason.NOT_PERMITTED, f"port {port} needs privileges to listen on; choose one above 1023 or run WakeDock as root"
            ) from None
        if fixed is not None:
            who = named(await asyncio.to_thread(listening_on, port))
            raise StartRefused(FailureReason.PORT_TAKEN, f"port {port} is in use{who}; end that process or change spec.port")
        ports.release(self.key)
        return ports.reserve(self.key)

    async def _resume(self) -> None:
        process = self.process
        assert process is not None
        if self._halting is not None:
            await asyncio.shield(self._halting)
        stats = await process.tree.members()
        if self._withdrawn or self.process is not process or process.record.state is not State.PAUSED:
            return
        record = replace(process.record, state=State.RUNNING, resumes=process.record.resumes + 1, ready=False, started_at=time.time())
        try:
            self._site.records.write(self.key, record)
        except OSError as error:
            raise StartRefused(FailureReason.BACKEND, f"the runtime directory cannot be written ({error}); make room there") from error
        process.record = record
        send(signal.SIGCONT, stats)

    def _pause(self) -> None:
        process = self.process
        assert process is not None
        self._change(process, State.PAUSED)
        process.handle.send(signal.SIGSTOP)
        process.handle.send_group(signal.SIGSTOP)
        self._halting = self._site.run(process.tree.halt())

    def _end(self) -> None:
        process = self.process
        assert process is not None
        was_ended = process.handle.status is not None
        self._change(process, State.STOPPING)
        number = signal.Signals[process.record.stop_signal]
        if not was_ended:
            process.handle.end(number)
        self._site.run(self._ending(process, number))

    def _change(self, process: SupervisedProcess, state: State) -> None:
        record = replace(process.record, state=state)
        self._site.records.write(self.key, record)
        process.record = record

    async def _ending(self, process: SupervisedProcess, number: int) -> None:
        await process.tree.end(process.handle, stop_signal=number, grace=process.record.grace)
        self.process = None
        self._forget()
        self._site.tell(self.key)
        self._proceed()

    def _forget(self) -> None:
        self._site.records.remove(self.key)
        if not self._site.port_needed(self.key):
            self._site.ports.release(self.key)

    def _exited(self) -> None:
        process = self.process
        if process is None:
            return
        if process.record.state is State.RUNNING:
            self.desired = False
            self.failure = self._cause(process)
            log.warning("app ended by itself", service=str(self.key), message=str(process.handle.status))
        if process.record.state is not State.STOPPING:
            self._end()
        self._site.tell(self.key)

    def _cause(self, process: SupervisedProcess) -> Failure:
        # Bounded and just written, so it comes from the page cache: the observation that shows the exit shows its cause too.
        lines = self.output.tail(FAILURE_LINES, since=process.record.log_offset, reach=FAILURE_BYTES)
        said = "; its last output:\n" + "\n".join(lines) if lines else "; it had written nothing"
        ran = max(0.0, time.time() - process.record.started_at)
        return Failure(
            id=process.record.id, reason=FailureReason.EXITED, message=f"the process {process.handle.status} after {ran:.1f} s{said}"
        )

    def _fits(self, record: InstanceRecord) -> bool:
        """Whether a process is what the definition asks for now. Without a definition nobody asks for anything else."""
        if self.definition is None:
            return True
        if record.definition != fingerprint(self.definition) or record.uid != self.uid:
            return False
        namespace = self.key.namespace
        return all(self._site.ports.get(Key(namespace, name)) in {None, port} for name, port in record.dependency_ports.items())
