"""The port `Workloads` over processes of this machine."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any, Self

import structlog

from wakedock_operator.adapters.probing import readiness
from wakedock_operator.adapters.process.adoption import adopt
from wakedock_operator.adapters.process.arrival import Arrivals
from wakedock_operator.adapters.process.asking import ask_ready
from wakedock_operator.adapters.process.definition import dependency_names, listens, refusals
from wakedock_operator.adapters.process.handle import ProcessHandle
from wakedock_operator.adapters.process.log_file import KEPT, MAX_SIZE, LogFile
from wakedock_operator.adapters.process.ports import PortBook
from wakedock_operator.adapters.process.procfs import boot_id
from wakedock_operator.adapters.process.record import InstanceRecord, RecordFolder, State
from wakedock_operator.adapters.process.refused import StartRefused
from wakedock_operator.adapters.process.site import Site
from wakedock_operator.adapters.process.supervisor import Supervisor
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import FailureReason
from wakedock_operator.ports.changes import Changes
from wakedock_operator.ports.workloads import ProbeResult, VetoResult
from wakedock_operator.resource import Key, WakeService

RECORDS = "instances"
"""The folder, in the runtime directory, of what is remembered of running apps."""

log = structlog.get_logger(__name__)

GONE = ProbeResult(ready=False, detail="the instance is gone")
PATIENCE = 0.1
"""Seconds for which a probe waits until the app listens."""
LOG_CHECK = 10.0
"""Seconds between two looks at the log sizes of running apps that nobody observes meanwhile."""


class ProcessWorkloads:
    """One supervised process per service. Made with `open`; `close` leaves the apps running."""

    stops_by_intent = True

    def __init__(self, *, runtime: Path, data: Path, log_size: int, logs_kept: int, descriptors: int | None) -> None:
        self._logs = data / "logs"
        self._log_size = log_size
        self._logs_kept = logs_kept
        self._supervisors: dict[Key, Supervisor] = {}
        self._changes: Changes[Key] = Changes()
        self._tasks: set[asyncio.Task[None]] = set()
        self._rotating: set[Key] = set()
        self._ports = PortBook()
        self._arrivals = Arrivals()
        self._site = Site(
            installation=hashlib.sha256(str(runtime.resolve()).encode()).hexdigest()[:12],
            boot=boot_id(),
            records=RecordFolder(runtime / RECORDS),
            ports=self._ports,
            descriptors=descriptors,
            dependency_ports=self._dependency_ports,
            port_needed=self._port_needed,
            port_ending=self._port_ending,
            listens=self._listens,
            run=self._run,
            tell=self._changes.announce,
            gone=self._gone,
        )

    def __repr__(self) -> str:
        return f"<processes: {list(self._supervisors.values())}>"

    @classmethod
    async def open(
        cls, *, runtime: Path, data: Path, log_size: int = MAX_SIZE, logs_kept: int = KEPT, descriptors: int | None = None
    ) -> Self:
        """Take over what an earlier WakeDock left in `runtime`: running and paused apps go on, stops are finished, strays ended.

        Output goes to `data`/logs. `log_size` is in bytes, `logs_kept` the number of older files beside the present one.
        `descriptors` is the soft limit of open files that apps get, by default WakeDock's own.
        """
        self = cls(runtime=runtime, data=data, log_size=log_size, logs_kept=logs_kept, descriptors=descriptors)
        await adopt(self._site, self._take_over)
        self._run(self._look_at_logs())
        return self

    async def close(self) -> None:
        """Stop supervising. Apps run on; a stop under way is finished by the next start of WakeDock."""
        await asyncio.gather(*(supervisor.settle_launch() for supervisor in self._supervisors.values()))
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for supervisor in self._supervisors.values():
            supervisor.let_go()

    def refusal(self, service: WakeService) -> str | None:
        return next(refusals(service), None)

    async def ensure(self, service: WakeService, uid: str) -> None:
        supervisor = self._supervisor(service.key)
        if self._ports.fix(service.key, service.spec.port) and supervisor.empty:
            self._ports.release(service.key)
        supervisor.define(service, uid)

    def bypasses(self, key: Key) -> Sequence[str]:
        """None: whoever knows an app's port of this start may use it, and nobody can tell."""
        return ()

    async def remove(self, key: Key, uid: str) -> None:
        """As the port says. What still runs is ended; the key is known until nothing of it is left."""
        supervisor = self._supervisors.get(key)
        if supervisor is not None and supervisor.uid == uid:
            supervisor.retire()
            self._gone(key)

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
        """As the port says; also raises OSError when the stop cannot be put on record: then nothing was stopped."""
        self._supervisors[key].stop(version)

    async def probe(self, key: Key, instance: str) -> ProbeResult:
        supervisor = self._supervisors[key]
        process, service = supervisor.running, supervisor.definition
        if process is None or service is None or process.record.id != instance:
            return GONE
        self._look_at_log(supervisor)
        port, listens = process.record.port, self._listens(service)
        if listens and not await self._arrivals.wait(port, within=PATIENCE, wanted=lambda: supervisor.running is process):
            result = ProbeResult(ready=False, detail=f"nothing listens on port {port} yet{await process.elsewhere()}", waited=True)
            address = ""
        else:
            result, address = await ask_ready(service, process.record, listens=listens)
        if supervisor.running is not process or (result.ready and not supervisor.mark_ready(instance, address)):
            return GONE
        if not result.ready:
            supervisor.note_seen(instance, result.detail)
        if result.unhealthy:
            supervisor.mark_unhealthy(instance, result.detail)
        return result

    def watch(self) -> AsyncIterator[Key]:
        return self._changes.follow(self._supervisors)

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

    def _supervisor(self, key: Key) -> Supervisor:
        if key not in self._supervisors:
            output = LogFile(self._logs / f"{key.file_name}.log", max_size=self._log_size, kept=self._logs_kept)
            self._supervisors[key] = Supervisor(key, self._site, output)
        return self._supervisors[key]

    def _take_over(self, key: Key, record: InstanceRecord, handle: ProcessHandle | None) -> None:
        self._supervisor(key).adopt(record, handle)

    def _gone(self, key: Key) -> None:
        """Nothing of the process is left: if the service is no more, nothing of it stays here."""
        supervisor = self._supervisors[key]
        if supervisor.retired and supervisor.empty:
            del self._supervisors[key]
            self._ports.fix(key, None)
            self._ports.release(key)
            self._run(self._remove_logs(supervisor))
            self._changes.announce(key)

        for other in tuple(self._supervisors.values()):
            other.port_freed()

    async def _remove_logs(self, supervisor: Supervisor) -> None:
        with contextlib.suppress(OSError):
            await asyncio.to_thread(supervisor.output.remove)

    def _dependency_ports(self, service: WakeService) -> dict[str, int]:
        ports: dict[str, int] = {}
        for name in dependency_names(service):
            key = Key(service.metadata.namespace, name)
            if key not in self._supervisors or self._supervisors[key].definition is None:
                raise StartRefused(FailureReason.DEPENDENCY_FAILED, f"$(PORT:{name}) is the port of {key}, which does not exist; create it")
            ports[name] = self._ports.reserve(key)
        return ports

    def _port_needed(self, key: Key) -> bool:
        records = (other.process.record for other in self._supervisors.values() if other.process and other.key.namespace == key.namespace)
        return any(key.name in record.dependency_ports and record.state is not State.STOPPING for record in records)

    def _port_ending(self, key: Key, port: int) -> bool:
        processes = (other.process for other in self._supervisors.values() if other.key != key)
        return any(each.record.port == port and each.record.state is State.STOPPING for each in processes if each is not None)

    def _listens(self, service: WakeService) -> bool:
        others = (each for each in self._supervisors.values() if each.key.namespace == service.key.namespace)
        return listens(service) or any(service.key.name in each.tells_ports_of for each in others)

    async def _look_at_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK)
            for supervisor in self._supervisors.values():
                if supervisor.running is not None:
                    self._look_at_log(supervisor)

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
