"""One service as one supervised process.

    nothing ──start──▶ launching ──▶ running ──stop──▶ ending ──▶ nothing ──▶ launching, if a start was asked meanwhile
                                        │  └──stop, mode Pause──▶ paused ──start──▶ running (a new instance)
                                        └──exits by itself──▶ ending what it left behind ──▶ nothing

What is asked (`desired`) changes at once; the process follows. A new process is started only after the old one is gone with
everything it started, because both may want the same fixed port. For the same reason a start waits while the app of another service is
being ended that has its port.
"""

import asyncio
import secrets
import signal
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import structlog

from wakedock_operator.adapters.process.definition import dependency_names, fingerprint
from wakedock_operator.adapters.process.ending import send
from wakedock_operator.adapters.process.handle import ExitStatus, ProcessHandle
from wakedock_operator.adapters.process.log_file import LogFile
from wakedock_operator.adapters.process.ports import free
from wakedock_operator.adapters.process.record import InstanceRecord, State
from wakedock_operator.adapters.process.refused import StartRefused
from wakedock_operator.adapters.process.site import Site
from wakedock_operator.adapters.process.starting import SupervisedProcess, start_fresh
from wakedock_operator.core.observation import Instance, Observation
from wakedock_operator.core.status import Failure, FailureReason
from wakedock_operator.ports.workloads import VersionMoved
from wakedock_operator.resource import Key, SleepMode, WakeService

log = structlog.get_logger(__name__)

LAUNCH_PATIENCE = 5.0
"""Seconds after which a start hangs, on a network file system for example: nobody waits for it, and one that is not wanted is given up."""
LAUNCHING = "it is still being started; its program or a file that its definition names may lie on a file system that does not answer"
FAILURE_LINES = 10
FAILURE_BYTES = 4096
END_AGAIN = 0.5
"""Seconds after which ending an app is tried again, when the machine had nothing left to do it with."""


class Supervisor:
    """The process of one service. Every change of state happens between two awaits, and watchers are told of it."""

    def __init__(self, key: Key, site: Site, output: LogFile) -> None:
        self.key = key
        self.output = output
        self.definition: WakeService | None = None
        self.uid = ""
        self.tells_ports_of: frozenset[str] = frozenset()
        """The dependencies whose ports the definition puts into its app's words."""
        self.desired = False
        self.failure: Failure | None = None
        self._seen: dict[str, str] = {}
        """What the last probe of an instance saw; of one at most."""
        self.process: SupervisedProcess | None = None
        self.retired = False
        self._fingerprint = ""
        self._site = site
        self._line = secrets.token_hex(4)
        self._moves = 0
        self._launch: asyncio.Task[None] | None = None
        self._withdrawn = False
        """The launch under way is no longer wanted: a stop came after it began."""
        self._awaits_port = False
        self._given_up: set[asyncio.Task[None]] = set()
        self._halting: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        state = "launching" if self._launch else self.process.record.state if self.process else "nothing"
        return f"<supervisor {self.key}: {state}, desired {int(self.desired)}, version {self.version}>"

    @property
    def version(self) -> str:
        """Never the same again, not in another life of WakeDock either."""
        return f"{self._line}-{self._moves}"

    @property
    def running(self) -> SupervisedProcess | None:
        """The process, while it is neither ending nor paused."""
        return self.process if self.process is not None and self.process.record.state is State.RUNNING else None

    @property
    def empty(self) -> bool:
        """No process is there, and none is on its way."""
        return self.process is None and self._launch is None

    def observation(self) -> Observation:
        """A look. Nothing in it is older than this call."""
        instances: tuple[Instance, ...] = ()
        seen = "" if self._launch is None else LAUNCHING
        if self.process is not None and self.process.record.state is not State.PAUSED:
            record = self.process.record
            instances = (Instance(record.id, record.address, terminating=record.state is State.STOPPING, ready=record.ready),)
            seen = self._seen.get(record.id, seen) if not record.ready else ""
        return Observation(
            desired=int(self.desired),
            settled=self._launch is None and self.desired == (self.running is not None),
            version=self.version,
            instances=instances,
            failure=self.failure,
            seen=seen,
            outdated=self.running is not None and not self._fits(self.running.record),
        )

    def define(self, service: WakeService, uid: str) -> None:
        """Set the definition. A paused process that no longer fits it is ended."""
        before = (self.definition, self.uid)
        self.definition, self.uid, self.retired = service, uid, False
        if before == (service, uid):
            return
        self._fingerprint = fingerprint(service)
        self.tells_ports_of = frozenset(dependency_names(service))
        if self._launch is not None:
            # Of the definition before; what it starts is noticed to be outdated.
            self._site.run(self._outlast(self._launch))
        self._follow_stop()
        process = self.process
        fits = service.spec.sleep.mode is SleepMode.PAUSE and process is not None and self._fits(process.record)
        if process is not None and process.record.state is State.PAUSED and not fits:
            self._end(process)
        self.port_freed()
        self._site.tell(self.key)

    def _follow_stop(self) -> None:
        """Let a process that is not ending yet end as the definition says now: none is started anew for that."""
        process, service = self.process, self.definition
        if process is None or service is None or process.record.state is State.STOPPING:
            return
        record = replace(process.record, grace=service.spec.sleep.grace_period.total_seconds())
        if service.spec.app is not None and self._fits(record):
            # A changed command may understand another signal than the one that runs.
            record = replace(record, stop_signal=service.spec.app.stop_signal)
        if record != process.record:
            process.record = record
            self._note(process)

    def fence(self) -> None:
        """Let every stop that was decided earlier fail."""
        self._moves += 1
        self._site.tell(self.key)

    async def start(self) -> None:
        """Ask for a process; return when it runs, is known to fail, waits for its predecessor's end, or hangs."""
        if self.definition is None:
            raise KeyError(self.key)
        if not self.desired:
            self.desired = True
            self.failure = None
            self.fence()
            self._proceed()
        if self._launch is not None:
            await asyncio.wait({self._launch}, timeout=LAUNCH_PATIENCE)

    def stop(self, version: str) -> None:
        """End or pause the process: compare, record and signal in one step. Raises VersionMoved; OSError when there is no record of it."""
        if version != self.version:
            raise VersionMoved(f"{self.key} was started or fenced since it was observed; read again")
        process = self.running
        if process is not None:
            paused = self.definition is not None and self.definition.spec.sleep.mode is SleepMode.PAUSE and self._fits(process.record)
            self._change(process, State.PAUSED if paused else State.STOPPING)
            if paused:
                self._halt(process)
            else:
                self._signal_end(process)
        self._withdraw()

    def retire(self) -> None:
        """The service is no more: end what is left of it, a paused process too."""
        self.definition, self.retired = None, True
        self.tells_ports_of = frozenset()
        if self.process is not None and self.process.record.state is not State.STOPPING:
            self._end(self.process)
        self._withdraw()

    def mark_ready(self, instance: str, address: str) -> bool:
        """The instance answered at this address. False when it is not the running one any more."""
        process = self.running
        if process is None or process.record.id != instance:
            return False
        self.failure = None
        if not process.record.ready or process.record.address != address:
            process.record = replace(process.record, ready=True, address=address)
            self._note(process)
            self._site.tell(self.key)
        return True

    def note_seen(self, instance: str, detail: str) -> None:
        """A probe found the instance not ready: why, for whoever gives up waiting. Nobody need be told before."""
        self._seen = {instance: detail}

    def mark_unhealthy(self, instance: str, detail: str) -> None:
        """The instance answered, but not as a ready one does. It may still get there, so nothing is given up for it here."""
        process = self.running
        if process is None or process.record.id != instance:
            return
        seen = Failure(f"{instance}/unhealthy", FailureReason.UNHEALTHY, f"the app is not ready: {detail}", healable=True)
        if self.failure != seen:
            self.failure = seen
            self._site.tell(self.key)

    async def settle_launch(self) -> None:
        """Return when no start is half done: what is started must be on record before WakeDock ends. One that hangs is given up."""
        if self._launch is not None:
            await self._outlast(self._launch)

    def let_go(self) -> None:
        """Stop looking at the process; it runs on."""
        if self.process is not None and self.process.handle is not None:
            self.process.handle.close()

    def adopt(self, record: InstanceRecord, handle: ProcessHandle | None) -> None:
        """Take over what an earlier WakeDock left. Without a handle the first process is gone: its remains are ended."""
        process = self.process = SupervisedProcess.of(record, handle)
        self.uid = record.uid
        self._site.ports.occupy(self.key, record.port)
        self.desired = record.state is State.RUNNING
        if handle is None:
            self._exited()
            return
        handle.watch(self._exited)
        if record.state is State.STOPPING:
            self._signal_end(process)
        elif record.state is State.PAUSED:
            self._halt(process)

    def _proceed(self) -> None:
        """Do what is asked, if nothing stands in the way."""
        if not self.desired or self._launch is not None:
            return
        process = self.process
        self._awaits_port = process is None and self._port_is_ending()
        if self._awaits_port:
            return
        if process is None:
            step: Callable[[], Coroutine[Any, Any, None]] = self._start_fresh
        elif process.record.state is not State.PAUSED:
            return
        elif self._fits(process.record):
            step = self._resume
        else:
            self._end(process)
            return
        self._withdrawn = False
        self._launch = self._site.run(self._launching(step))

    def _port_is_ending(self) -> bool:
        port = None if self.definition is None else self.definition.spec.port
        return port is not None and self._site.port_ending(self.key, port) and not free(port)

    def port_freed(self) -> None:
        """An app of some service has ended: a start that waits for its port may go on."""
        if self._awaits_port:
            self._proceed()

    def _withdraw(self) -> None:
        self.desired = False
        self._withdrawn = True
        if self._launch is not None:
            self._site.run(self._outlast(self._launch))
        self.fence()

    async def _outlast(self, launch: asyncio.Task[None]) -> None:
        """Wait for this launch, and give it up when it does not come to an end."""
        done, _ = await asyncio.wait({launch}, timeout=LAUNCH_PATIENCE)
        if not done:
            log.warning("start given up that hangs", service=str(self.key), waited=LAUNCH_PATIENCE)
            self._given_up.add(launch)
            launch.cancel()
            await asyncio.wait({launch})

    async def _launching(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        refused: StartRefused | None = None
        try:
            if not self._withdrawn:
                await step()
        except StartRefused as error:
            refused = error
        except asyncio.CancelledError:
            if self._launch not in self._given_up:
                raise
            self._given_up.clear()
        except OSError as error:
            refused = StartRefused(FailureReason.BACKEND, f"the app could not be started: {error}; mend that and try again")
        except Exception as error:
            # Whatever it was, the next start must be possible.
            log.exception("start failed", service=str(self.key), error=str(error))
            refused = StartRefused(FailureReason.BACKEND, f"the app could not be started: {error}; WakeDock's log says more")
        self._launch = None
        if refused is not None and not self._withdrawn:
            self.desired = False
            self.failure = Failure(id=f"start-{self.version}", reason=refused.reason, message=str(refused))
            log.warning("start refused", service=str(self.key), reason=refused.reason.value, message=str(refused))
        self._site.tell(self.key)
        if self.process is None:
            self._site.gone(self.key)
        self._proceed()

    async def _start_fresh(self) -> None:
        service = self.definition
        if service is None:
            return
        process = self.process = await start_fresh(self.key, service, self.uid, site=self._site, output=self.output)
        assert process.handle is not None  # noqa: S101 - it was started a moment ago
        process.handle.watch(self._exited)
        try:
            self._site.records.write(self.key, process.record)
        except OSError:
            # Without a record the next WakeDock would take it for a stray.
            self._end(process)
            raise
        self._follow_stop()
        if self._withdrawn:
            self._end(process)

    async def _resume(self) -> None:
        process = self.process
        if process is None:
            return
        if self._halting is not None:
            await asyncio.wait({self._halting})
        stats = await process.tree.members()
        if self._withdrawn or self.process is not process or process.record.state is not State.PAUSED:
            return
        record = replace(process.record, state=State.RUNNING, resumes=process.record.resumes + 1, ready=False, started_at=time.time())
        self._site.records.write(self.key, record)
        process.record = record
        send(signal.SIGCONT, stats)

    def _halt(self, process: SupervisedProcess) -> None:
        process.send(signal.SIGSTOP)
        process.send_group(signal.SIGSTOP)
        self._halting = self._site.run(process.tree.halt())

    def _end(self, process: SupervisedProcess) -> None:
        """End a process that is not wanted any more, whether or not that can be recorded."""
        process.record = replace(process.record, state=State.STOPPING)
        self._note(process)
        self._signal_end(process)

    def _signal_end(self, process: SupervisedProcess) -> None:
        self._site.run(self._ending(process, signal.Signals[process.record.stop_signal]))

    def _change(self, process: SupervisedProcess, state: State) -> None:
        record = replace(process.record, state=state)
        self._site.records.write(self.key, record)
        process.record = record

    def _note(self, process: SupervisedProcess) -> None:
        try:
            self._site.records.write(self.key, process.record)
        except OSError as error:
            log.warning("instance record not written", service=str(self.key), error=str(error))

    async def _ending(self, process: SupervisedProcess, number: int) -> None:
        if self._halting is not None:
            # What halts stragglers must not go on while they are asked to end.
            self._halting.cancel()
        try:
            # Children that keep nothing of the app's are known by their parents alone, and these may end at once.
            await process.tree.members()
        except (OSError, RuntimeError) as error:
            log.warning("processes not looked at", service=str(self.key), error=str(error))
        finally:
            process.send(number)
            # Halted processes would not come to see it.
            process.send(signal.SIGCONT)
            process.send_group(signal.SIGCONT)
        while True:
            try:
                await process.tree.end(process.handle, stop_signal=number, grace=process.record.grace)
                break
            except (OSError, RuntimeError) as error:
                # No descriptor or no thread is left: nobody can say that the app is gone.
                log.warning("app not ended yet", service=str(self.key), error=str(error), again_in=END_AGAIN)
                await asyncio.sleep(END_AGAIN)
        self.process = None
        self._site.forget(self.key)
        self._site.tell(self.key)
        self._site.gone(self.key)
        self._proceed()

    def _exited(self) -> None:
        process = self.process
        if process is None:
            return
        if process.record.state is State.RUNNING:
            self.desired = False
            self.failure = self._cause(process)
            log.warning("app ended by itself", service=str(self.key), message=self.failure.message)
        if process.handle is None or process.record.state is not State.STOPPING:
            self._end(process)
        self._site.tell(self.key)

    def _cause(self, process: SupervisedProcess) -> Failure:
        status = process.handle.status if process.handle is not None else ExitStatus()
        # Bounded and just written, so it comes from the page cache: the observation that shows the exit shows its cause too.
        lines = self.output.tail(FAILURE_LINES, since=process.record.log_offset, reach=FAILURE_BYTES)
        nothing = "it had written nothing" if self.output.problem is None else self.output.problem
        said = "its last output:\n" + "\n".join(lines) if lines else nothing
        hint = " (an app has to stay in the foreground)" if status == ExitStatus(code=0) else ""
        ran = max(0.0, time.time() - process.record.started_at)
        return Failure(process.record.id, FailureReason.EXITED, f"the process {status} after {ran:.1f} s{hint}; {said}")

    def _fits(self, record: InstanceRecord) -> bool:
        """Whether a process is what the definition asks for now. Without a definition nobody asks for anything else."""
        if self.definition is None:
            return True
        if record.definition != self._fingerprint or record.uid != self.uid:
            return False
        namespace = self.key.namespace
        return all(self._site.ports.get(Key(namespace, name)) in {None, port} for name, port in record.dependency_ports.items())
