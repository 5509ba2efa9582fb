"""The port `Workloads` over processes of this machine."""

import asyncio
import hashlib
import signal
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, Self

import structlog

from wakedock_operator.adapters.probing import command, readiness
from wakedock_operator.adapters.process.changes import Changes
from wakedock_operator.adapters.process.definition import listens, refusal
from wakedock_operator.adapters.process.ending import Tree, end_all
from wakedock_operator.adapters.process.handle import ProcessHandle
from wakedock_operator.adapters.process.launch import Order, program_of
from wakedock_operator.adapters.process.listeners import find
from wakedock_operator.adapters.process.log_file import KEPT, MAX_SIZE, LogFile
from wakedock_operator.adapters.process.ports import PortBook
from wakedock_operator.adapters.process.procfs import boot_id
from wakedock_operator.adapters.process.record import InstanceRecord, RecordFolder, State
from wakedock_operator.adapters.process.refused import StartRefused
from wakedock_operator.adapters.process.supervisor import Site, SupervisedProcess, Supervisor
from wakedock_operator.adapters.process.tree import strays
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import FailureReason
from wakedock_operator.ports.workloads import ProbeResult, VetoResult
from wakedock_operator.resource import CommandReadiness, Key, WakeService
from wakedock_operator.resource.references import dependency_references

log = structlog.get_logger(__name__)

GONE = ProbeResult(ready=False, detail="the instance is gone")


class ProcessWorkloads:
    """One supervised process per service. Made with `open`; `close` leaves the apps running."""

    def __init__(self, *, runtime: Path, data: Path, log_size: int, logs_kept: int) -> None:
        self._logs = data / "logs"
        self._log_size = log_size
        self._logs_kept = logs_kept
        self._supervisors: dict[Key, Supervisor] = {}
        self._changes = Changes()
        self._tasks: set[asyncio.Task[None]] = set()
        self._rotating: set[Key] = set()
        self._ports = PortBook()
        self._site = Site(
            installation=hashlib.sha256(str(runtime.resolve()).encode()).hexdigest()[:12],
            boot=boot_id(),
            records=RecordFolder(runtime / "instances"),
            ports=self._ports,
            dependency_ports=self._dependency_ports,
            port_needed=self._port_needed,
            run=self._run,
            tell=self._changes.tell,
        )

    def __repr__(self) -> str:
        return f"<processes: {list(self._supervisors.values())}>"

    @classmethod
    async def open(cls, *, runtime: Path, data: Path, log_size: int = MAX_SIZE, logs_kept: int = KEPT) -> Self:
        """Take over what an earlier WakeDock left in `runtime`: running and paused apps go on, stops are finished, strays ended."""
        self = cls(runtime=runtime, data=data, log_size=log_size, logs_kept=logs_kept)
        await self._adopt()
        return self

    async def close(self) -> None:
        """Stop supervising. Apps run on; a stop under way is finished by the next start of WakeDock."""
        for supervisor in self._supervisors.values():
            await supervisor.settle_launch()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for supervisor in self._supervisors.values():
            supervisor.let_go()

    def refusal(self, service: WakeService) -> str | None:
        return refusal(service)

    async def ensure(self, service: WakeService, uid: str) -> None:
        self._ports.fix(service.key, service.spec.port)
        self._supervisor(service.key).define(service, uid)

    async def remove(self, key: Key, uid: str) -> None:
        supervisor = self._supervisors.get(key)
        if supervisor is None or supervisor.uid != uid:
            return
        supervisor.retire()
        self._ports.fix(key, None)
        self._discard(key)

    def keys(self) -> frozenset[Key]:
        return frozenset(self._supervisors)

    async def observe(self, key: Key) -> Observation:
        supervisor = self._supervisors[key]
        self._look_at_log(supervisor)
        return supervisor.observation()

    async def start(self, key: Key) -> None:
        await self._supervisors[key].start()

    async def fence(self, key: Key) -> None:
        self._supervisors[key].fence()

    async def stop(self, key: Key, version: str) -> None:
        self._supervisors[key].stop(version)

    async def probe(self, key: Key, instance: str) -> ProbeResult:
        supervisor = self._supervisors[key]
        process = supervisor.running
        service = supervisor.definition
        if process is None or service is None or process.record.id != instance:
            return GONE
        self._look_at_log(supervisor)
        address, result = await self._ask_ready(service, process)
        if result.ready and not supervisor.mark_ready(instance, address):
            return GONE
        return result

    def watch(self) -> AsyncIterator[Key]:
        return self._changes.watch()

    async def ask_veto(self, key: Key) -> VetoResult:
        supervisor = self._supervisors[key]
        process, service = supervisor.running, supervisor.definition
        if process is None or service is None or service.spec.sleep.veto is None:
            return VetoResult(vetoed=False, detail="not asked")
        return await readiness.ask_veto(service.spec.sleep.veto.http, readiness.target_of(service, process.record.address))

    async def logs(self, key: Key, *, lines: int) -> tuple[str, ...]:
        return await asyncio.to_thread(self._supervisors[key].output.last, lines)

    def follow(self, key: Key, *, lines: int) -> AsyncIterator[str]:
        return self._supervisors[key].output.follow(lines)

    def output_problem(self, key: Key) -> str | None:
        """Why the output of the running instance is not kept; None when it is."""
        return self._supervisors[key].output.problem

    async def _ask_ready(self, service: WakeService, process: SupervisedProcess) -> tuple[str, ProbeResult]:
        record = process.record
        how = readiness.probe_of(service)
        if not listens(service) and service.spec.wake.readiness is None:
            return "", ProbeResult(ready=True, detail="running")
        address = record.address
        if listens(service):
            found = await asyncio.to_thread(find, port=record.port, leader=record.pid, start_ticks=record.start_ticks, mark=record.mark)
            if not found.address:
                return "", ProbeResult(ready=False, detail=found.detail)
            address = found.address
        inside = None
        if isinstance(how, CommandReadiness):
            try:
                inside = await asyncio.to_thread(_inside, service, record, how)
            except StartRefused as refused:
                return "", ProbeResult(ready=False, detail=str(refused))
        return address, await readiness.ask_ready(how, readiness.target_of(service, address), inside)

    def _supervisor(self, key: Key) -> Supervisor:
        if key not in self._supervisors:
            output = LogFile(self._logs / f"{key.file_name}.log", max_size=self._log_size, kept=self._logs_kept)
            self._supervisors[key] = Supervisor(key, self._site, output)
        return self._supervisors[key]

    def _discard(self, key: Key) -> None:
        pass

    def _dependency_ports(self, service: WakeService) -> dict[str, int]:
        ports: dict[str, int] = {}
        readiness_ = service.spec.wake.readiness
        texts = [text for _, text in service.spec.app.templates()] if service.spec.app else []
        if readiness_ is not None and readiness_.command is not None:
            texts += readiness_.command.command
        for name in (name for text in texts for name in dependency_references(text)):
            key = Key(service.metadata.namespace, name)
            if key not in self._supervisors or self._supervisors[key].definition is None:
                raise StartRefused(
                    FailureReason.DEPENDENCY_FAILED, f"$(PORT:{name}) asks for the port of {key}, which does not exist; create it"
                )
            ports[name] = self._ports.reserve(key)
        return ports

    def _port_needed(self, key: Key) -> bool:
        return any(
            other.key.namespace == key.namespace and other.process is not None and key.name in other.process.record.dependency_ports
            for other in self._supervisors.values()
        )

    def _look_at_log(self, supervisor: Supervisor) -> None:
        if supervisor.key not in self._rotating and supervisor.output.full:
            self._rotating.add(supervisor.key)
            self._run(self._rotate(supervisor))

    async def _rotate(self, supervisor: Supervisor) -> None:
        try:
            await asyncio.to_thread(supervisor.output.rotate)
        except OSError as error:
            log.warning("log not rotated", service=str(supervisor.key), error=str(error))
        finally:
            self._rotating.discard(supervisor.key)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("supervision failed", exc_info=error)

    async def _adopt(self) -> None:
        records = self._site.records
        for key, record in list(records.read_all()):
            if record.boot != self._site.boot or record.state is State.STARTING:
                records.remove(key)
                continue
            handle = ProcessHandle.open(record.pid, record.start_ticks)
            tree = Tree(leader=record.pid, start_ticks=record.start_ticks, mark=record.mark)
            if handle is None:
                records.remove(key)
                continue
            if record.state is State.RUNNING and record.resumes:
                # Killed between putting a resume on record and doing it.
                await tree.resume()
            self._supervisor(key).adopt(record, handle)
        known = frozenset(s.process.record.mark for s in self._supervisors.values() if s.process is not None)
        left = await asyncio.to_thread(strays, installation=self._site.installation, known=known)
        if left:
            log.warning("ending processes that no record names", pids=[each.pid for each in left])
            await end_all(left, signal.SIGKILL)


def _inside(service: WakeService, record: InstanceRecord, how: CommandReadiness) -> readiness.Inside:
    assert service.spec.app is not None
    order = Order(app=service.spec.app, port=record.port, mark=record.mark, dependency_ports=record.dependency_ports)
    program = program_of(order, how.command)
    who = program.account
    return readiness.Inside(
        words=program.words,
        surroundings=command.Surroundings(
            environment=program.environment,
            working_dir=program.working_dir,
            uid=who.uid if who.other else None,
            gid=who.gid if who.other else None,
            groups=who.groups if who.other else None,
        ),
    )
