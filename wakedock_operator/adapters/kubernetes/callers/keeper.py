"""Keeps each service's port and EndpointSlices as its definition and the gateways are."""

import asyncio
import hashlib
import json
import time

import structlog

from wakedock_operator.adapters.kubernetes.callers.ports import Ports
from wakedock_operator.adapters.kubernetes.callers.record import PortRecord
from wakedock_operator.adapters.kubernetes.callers.slices import API, PLURAL, slices
from wakedock_operator.adapters.kubernetes.catalog import service_path
from wakedock_operator.adapters.kubernetes.children.names import SERVICE_LABEL, stable_service
from wakedock_operator.adapters.kubernetes.client import Api, PatchType, Raw
from wakedock_operator.adapters.kubernetes.errors import ApiError, Conflict, NotFound
from wakedock_operator.adapters.kubernetes.gateways import PodGateways
from wakedock_operator.adapters.kubernetes.objects import SERVICE_PORT
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.workloads.documents import owned_by
from wakedock_operator.adapters.kubernetes.workloads.managed_fields import OPERATOR
from wakedock_operator.adapters.kubernetes.workloads.targets import namespaced
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import Key
from wakedock_operator.workqueue import WorkQueue

SOON = 0.5
"""Seconds until a Service is looked for again that is about to be made."""
SELDOM = 30.0
"""Seconds until a name is looked at again that is somebody else's."""

log = structlog.get_logger(__name__)


class CallersKeeper:
    """Works for one holder of the Lease, from `run` on until it is cancelled. A Service that is not this WakeService's is never touched."""

    def __init__(self, api: Api, shelf: Shelf, gateways: PodGateways, *, namespace: str, record: PortRecord) -> None:
        self._api = api
        self._shelf = shelf
        self._gateways = gateways
        self._namespace = namespace
        self._record = record
        self._queue: WorkQueue[Key] = WorkQueue(self._work, name="callers")
        self._freed: WorkQueue[int] = WorkQueue(self._write_down, name="ports")
        self._ports = Ports(time.time, self._freed.add)
        self._known: dict[Key, Entry] = {}
        self._tidied: dict[Key, tuple[str, int]] = {}
        self._applied: dict[Key, dict[str, str]] = {}
        """By service and slice: a hash of what was applied last."""

    def __repr__(self) -> str:
        return f"<CallersKeeper {self._ports!r}>"

    async def run(self) -> None:
        """Keep until cancelled."""
        self._take()
        await self._remember()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._queue.run())
            tasks.create_task(self._freed.run())
            tasks.create_task(self._follow_definitions())
            tasks.create_task(self._follow_gateways())

    async def _remember(self) -> None:
        """What the operator before this one knew of ports, and what it could not write any more."""
        while True:
            try:
                record = await self._record.read()
                over = self._ports.remember(record)
                await self._record.forget(*over)
                await self._record.given(*(self._ports.given() - {port for port, until in record.items() if until is None}))
            except ApiError as error:
                log.warning("which ports rest cannot be read", error=str(error), again_in=SOON)
                await asyncio.sleep(SOON)
            else:
                return

    async def _write_down(self, port: int) -> None:
        until = self._ports.rests(port)
        if until is not None:
            await self._record.rests(port, until)

    async def _follow_definitions(self) -> None:
        async for _ in self._shelf.definitions.follow([None]):
            self._take()

    async def _follow_gateways(self) -> None:
        async for _ in self._gateways.changes.follow([None]):
            for key in self._known:
                self._queue.add(key)

    def _take(self) -> None:
        """Look at every definition that is not the one that was known."""
        entries = self._shelf.snapshot().entries
        for key in self._known.keys() - entries.keys():
            self._forget(key)
        for key, entry in sorted(entries.items(), key=lambda pair: pair[1].order):
            if self._known.get(key) is not entry:
                self._known[key] = entry
                if entry.callers_port is not None:
                    self._ports.claim(key, entry.callers_port)
                self._queue.add(key)

    def _forget(self, key: Key) -> None:
        del self._known[key]
        self._tidied.pop(key, None)
        self._ports.free(key)
        self._queue.forget(key)
        self._applied.pop(key, None)

    async def _work(self, key: Key) -> float | None:
        entry = self._known.get(key)
        if entry is None:
            return None
        name, again = await self._leading(entry)
        if name is not None:
            await self._lead(entry, name)
        return None if again is None else asyncio.get_running_loop().time() + again

    async def _leading(self, entry: Entry) -> tuple[str | None, float | None]:
        """Which Service is to lead to the gateways (None: none), and in how many seconds to look again. Its others are removed."""
        name, path = entry.service.service_name, namespaced("v1", entry.key.namespace, "services")
        if name is None:
            await self._without(entry, None)
            return None, None
        try:
            service = await self._api.get(f"{path}/{name}")
        except NotFound:
            return None, SOON
        if owned_by(service, entry.uid):
            await self._tidy(entry, name)
            return name, None
        # A chosen name that is taken is a mistake, which must not cost the callers the Service that they have.
        before = await self._before(entry) if entry.service.chose_service_name else None
        if before is None:
            await self._without(entry, name)
        return before, SELDOM

    async def _lead(self, entry: Entry, name: str) -> None:
        """Keep the slices of this Service, on the port that is given to its WakeService."""
        key, port = entry.key, entry.callers_port
        if port is None or not self._ports.claim(key, port):
            port = self._ports.give(key)
            # Written down before anybody can use it: whoever comes next knows that it was given.
            await self._record.given(port)
            if not await self._tell(entry, port):
                return
        for wanted in slices(key, entry.uid, service=name, port=port, gateways=self._gateways.pods(), namespace=self._namespace):
            await self._apply(key, wanted)

    async def _own(self, entry: Entry) -> list[Raw]:
        """Its Services for callers, of all names that it ever had."""
        path = namespaced("v1", entry.key.namespace, "services")
        found = await self._api.read_all(path, labelSelector=f"{SERVICE_LABEL}={entry.key.name}")
        return [each for each in found if owned_by(each, entry.uid) and each["metadata"]["name"] != stable_service(entry.key)]

    async def _before(self, entry: Entry) -> str | None:
        """The name of the Service that callers had before the definition asked for another."""
        return next((str(each["metadata"]["name"]) for each in await self._own(entry)), None)

    async def _tidy(self, entry: Entry, name: str | None) -> None:
        """Once for each definition: remove the Services of names that it had before, and their slices."""
        if self._tidied.get(entry.key) == (entry.uid, entry.generation):
            return
        kept = {name, stable_service(entry.key)}
        path = namespaced("v1", entry.key.namespace, "services")
        for service in await self._own(entry):
            if service["metadata"]["name"] != name:
                await self._delete(f"{path}/{service['metadata']['name']}", service)
        path = namespaced(API, entry.key.namespace, PLURAL)
        for found in await self._api.read_all(path, labelSelector=f"{SERVICE_LABEL}={entry.key.name}"):
            leads = found["metadata"]["labels"].get("kubernetes.io/service-name")
            if leads not in kept and owned_by(found, entry.uid):
                await self._delete(f"{path}/{found['metadata']['name']}", found)
                self._applied.get(entry.key, {}).pop(found["metadata"]["name"], None)
        self._tidied[entry.key] = entry.uid, entry.generation

    async def _delete(self, path: str, found: Raw) -> None:
        try:
            await self._api.delete(path, {"preconditions": {"uid": found["metadata"]["uid"]}})
        except (NotFound, Conflict):
            return
        log.info("removed what a definition asks for no more", path=path)

    async def _without(self, entry: Entry, name: str | None) -> None:
        """Its callers get nothing through WakeDock, whatever has this name."""
        await self._tidy(entry, name)
        if entry.callers_port is not None:
            await self._tell(entry, None)
        self._ports.free(entry.key)

    async def _tell(self, entry: Entry, port: int | None) -> bool:
        """Write the port into the status, where the gateways read it; False where the WakeService is gone."""
        body = {"metadata": {"uid": entry.uid}, "status": {SERVICE_PORT: port}}
        try:
            answer = await self._api.patch(service_path(entry.key, "status"), body, kind=PatchType.MERGE, manager=OPERATOR)
        except (NotFound, Conflict):
            return False
        self._shelf.learn(answer)
        return True

    async def _apply(self, key: Key, wanted: Raw) -> None:
        name = wanted["metadata"]["name"]
        digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
        known = self._applied.get(key, {}).get(name)
        if known == digest or (known is None and not wanted["endpoints"]):
            return
        path = f"{namespaced(API, key.namespace, PLURAL)}/{name}"
        await self._api.patch(path, wanted, kind=PatchType.APPLY, manager=OPERATOR, force=True)
        self._applied.setdefault(key, {})[name] = digest
