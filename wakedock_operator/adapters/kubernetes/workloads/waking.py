"""The port `Waking` over the API server: what a gateway may do with workloads."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from enum import Enum, auto

from wakedock_operator.adapters.kubernetes.children import replicas
from wakedock_operator.adapters.kubernetes.client import Api
from wakedock_operator.adapters.kubernetes.errors import Forbidden, Gone, Invalid, NotFound, Unavailable
from wakedock_operator.adapters.kubernetes.workloads import asking, scaling
from wakedock_operator.adapters.kubernetes.workloads.documents import Document, generation, metadata, owned_by, status, uid, version
from wakedock_operator.adapters.kubernetes.workloads.failures import denial, failure_of
from wakedock_operator.adapters.kubernetes.workloads.instances import STABLE, ending, instance
from wakedock_operator.adapters.kubernetes.workloads.managed_fields import scaled_by
from wakedock_operator.adapters.kubernetes.workloads.memory import Memory
from wakedock_operator.adapters.kubernetes.workloads.motion import Motion
from wakedock_operator.adapters.kubernetes.workloads.seen import Missing, Seen, look
from wakedock_operator.adapters.kubernetes.workloads.settled import ready, rolling, settled, terminating
from wakedock_operator.adapters.kubernetes.workloads.stable import stable_address
from wakedock_operator.adapters.kubernetes.workloads.targets import Kinds, Target, UnknownKind, namespaced, target_of
from wakedock_operator.core.observation import Instance, Observation
from wakedock_operator.core.status import Failure, FailureReason
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.ports.changes import Changes
from wakedock_operator.ports.workloads import ProbeResult
from wakedock_operator.resource import Key, Via

Lookup = Callable[[Key], Entry | None]
"""The definition of a service as it is served, with its uid; None for one that is not known. No I/O."""

GONE = ProbeResult(ready=False, detail="the pod is gone")
UNADDRESSED = ProbeResult(ready=False, detail="the pod has no address yet", waited=True)
POD_WATCH = 0.5
"""Seconds for which one pod is followed at most, before whoever waits for it looks around again."""
REFUSED_FOR = 3.0
"""Seconds after which a refusal counts as final."""
FORGOTTEN = 60.0
"""Seconds after which the next refusal has nothing to do with the last one."""
RETURN_LOOK = 0.5
"""Seconds after which an API server that was away is asked again."""


class Followed(Enum):
    """How following a pod ended."""

    MET = auto()
    NOT_YET = auto()
    GONE = auto()


class KubernetesWaking:
    """Workloads behind `/scale`. Raises ApiError (an OSError) where the API server does not answer or does not let it read.

    `count` says how many instances a target last had, as its status remembers.
    """

    def __init__(self, api: Api, lookup: Lookup, count: Callable[[Key], int | None] = lambda _: None) -> None:
        self._api = api
        self._lookup = lookup
        self._last_count = count
        self._kinds = Kinds(api)
        self._changes: Changes[Key] = Changes()
        self._motion = Motion(self._changes.announce)
        self._memories: dict[Key, Memory] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self._memories)} looked at, {self._motion}>"

    def close(self) -> None:
        """No announcements any more."""
        self._motion.close()

    def announce(self, *keys: Key) -> None:
        """Something was heard about these workloads."""
        self._changes.announce(*keys)

    def watch(self) -> AsyncIterator[Key]:
        return self._changes.follow()

    async def observe(self, key: Key) -> Observation:
        entry, memory = self._known(key)
        target = target_of(entry.service)
        try:
            seen = await look(self._api, self._kinds, target)
            if memory.stable is None and entry.service.spec.port is not None:
                memory.stable = await stable_address(self._api, key, entry.uid)
        except Missing as missing:
            made = entry.service.spec.app is not None
            said = f"{target} does not exist; the operator makes it again" if made else str(missing)
            failure = Failure(f"{key}/missing/{memory.attempts}", FailureReason.TARGET_MISSING, said, healable=made)
            return self._nothing(key, memory, failure)
        except Unavailable:
            self._motion.again(key, RETURN_LOOK)
            raise
        if entry.service.spec.app is not None and not owned_by(seen.workload, entry.uid):
            message = f"{target} exists and is not this WakeService's; rename one of them"
            return self._nothing(key, memory, Failure(f"{key}/foreign/{memory.attempts}", FailureReason.DENIED, message), foreign=True)
        memory.saw(seen)
        observation = self._observation(entry, memory, seen)
        waits = observation.desired > 0 and not any(each.ready for each in observation.live)
        if waits or observation.terminating or not observation.settled or not self._hears_of(target):
            self._motion.moves(key)
        else:
            self._motion.stands(key)
        return observation

    def _hears_of(self, target: Target) -> bool:
        """Whether somebody tells when this workload changes, or nobody need."""
        return True

    def _observation(self, entry: Entry, memory: Memory, seen: Seen) -> Observation:
        port = entry.service.spec.port
        live = tuple(instance(pod, port=port, answered=memory.answered) for pod in memory.pods.values())
        stable = None
        if memory.stable is not None:
            stable = Instance(id=STABLE, address=memory.stable, ready=any(ready(pod) for pod in memory.pods.values()))
        if entry.service.spec.wake.via is Via.SERVICE and port is not None:
            live = () if stable is None or not stable.ready else (stable,)
        return Observation(
            desired=seen.desired,
            settled=settled(seen),
            version=version(seen.workload),
            instances=(*ending(seen, port), *live),
            failure=memory.refused or failure_of(seen, answered=memory.answered),
            generation=generation(seen.workload),
            scaled_by=scaled_by(seen.workload),
            stable=stable,
            rolling=rolling(seen),
        )

    def _nothing(self, key: Key, memory: Memory, failure: Failure, *, foreign: bool = False) -> Observation:
        memory.saw_nothing(foreign=foreign)
        self._motion.stands(key)
        return Observation(desired=0, settled=True, version="", failure=failure)

    async def start(self, key: Key) -> None:
        entry, memory = self._known(key)
        target = target_of(entry.service)
        try:
            path = await self._path(key, memory, target)
            if path is not None:
                await scaling.start(self._api, path, await self._count(entry, target))
        except NotFound:
            memory.attempts += 1
            if entry.service.spec.app is not None:
                await asyncio.sleep(RETURN_LOOK)
        except (Forbidden, Invalid) as refused:
            memory.refused = self._refused(key, memory, f"{target} cannot be scaled: {refused}")
            if memory.refused.healable:
                await asyncio.sleep(RETURN_LOOK)
        except Unavailable:
            self._motion.again(key, RETURN_LOOK)
            raise
        self._changes.announce(key)

    def _refused(self, key: Key, memory: Memory, message: str) -> Failure:
        """A refusal counts when it lasts: for a moment after its start an API server refuses what its roles allow."""
        now = asyncio.get_running_loop().time()
        if memory.refused is None or now - memory.refused_at > FORGOTTEN:
            memory.refused_since = now
        memory.refused_at = now
        memory.attempts += 1
        lasts = now - memory.refused_since >= REFUSED_FOR
        return Failure(f"{key}/refused/{memory.attempts}", denial(message), message, healable=not lasts)

    async def fence(self, key: Key) -> None:
        entry, memory = self._known(key)
        try:
            path = await self._path(key, memory, target_of(entry.service))
            if path is not None:
                await scaling.fence(self._api, path)
        except NotFound:
            return
        except Unavailable:
            self._motion.again(key, RETURN_LOOK)
            raise

    async def probe(self, key: Key, instance: str) -> ProbeResult:
        entry, memory = self._known(key)
        service, port = entry.service, entry.service.spec.port
        if instance == STABLE:
            pod, address = memory.best, memory.stable
            if pod is None or address is None or port is None:
                return ProbeResult(ready=False, detail="there is no Service, or no pod behind it")
            result = await asking.ask_stable(service, pod, port, address)
            if not result.ready:
                # It may have been made anew, with another address.
                memory.stable = None
            return result
        pod = memory.pods.get(instance)
        if pod is None:
            return GONE
        if asking.kubernetes_decides(service, pod, port):
            result = await self._until_ready(pod)
        elif not status(pod).get("podIP"):
            return await self._until_addressed(key, pod)
        else:
            result = await asking.ask_pod(service, pod, port)
        if result.ready:
            if instance not in memory.pods:
                return GONE
            memory.answered.add(instance)
        return result

    async def _until_addressed(self, key: Key, pod: Document) -> ProbeResult:
        """Until the pod has an address: then the next observation shows it, and only that may be granted."""
        found = await self._until(pod, lambda fresh: bool(status(fresh).get("podIP")))
        if found is Followed.GONE:
            return GONE
        if found is Followed.MET:
            self._changes.announce(key)
        return UNADDRESSED

    async def _until_ready(self, pod: Document) -> ProbeResult:
        match await self._until(pod, ready):
            case Followed.GONE:
                return GONE
            case Followed.MET:
                return asking.READY
            case Followed.NOT_YET:
                return asking.NOT_READY

    async def _until(self, pod: Document, wanted: Callable[[Document], bool]) -> Followed:
        """Read this one pod, then follow it by its name until it is as wanted; not for long."""
        pods, name = namespaced("v1", metadata(pod)["namespace"], "pods"), metadata(pod)["name"]
        try:
            fresh = await self._api.get(f"{pods}/{name}")
        except NotFound:
            return Followed.GONE
        if _ended(fresh, pod):
            return Followed.GONE
        if wanted(fresh):
            return Followed.MET
        seconds = math.ceil(POD_WATCH)
        events = self._api.watch(pods, version=version(fresh), seconds=seconds, fieldSelector=f"metadata.name={name}")
        try:
            async with asyncio.timeout(POD_WATCH), aclosing(events):
                async for kind, fresh in events:
                    if kind == "DELETED" or (kind != "BOOKMARK" and _ended(fresh, pod)):
                        return Followed.GONE
                    if kind != "BOOKMARK" and wanted(fresh):
                        return Followed.MET
        except (TimeoutError, Gone):
            pass
        return Followed.NOT_YET

    async def _count(self, entry: Entry, target: Target) -> int:
        """How many instances a start brings: what a target last had, else what the definition says."""
        spec = entry.service.spec
        if spec.app is not None:
            return spec.replicas
        return self._last_count(entry.key) or await replicas.remembered(self._api, target) or spec.replicas

    async def _path(self, key: Key, memory: Memory, target: Target) -> str | None:
        """Where the workload is; None for somebody else's. Raises NotFound."""
        if not memory.version and not memory.foreign:
            await self.observe(key)
        if memory.foreign:
            memory.attempts += 1
            return None
        try:
            return await self._kinds.path(target)
        except UnknownKind as unknown:
            raise NotFound(str(unknown)) from None

    def _known(self, key: Key) -> tuple[Entry, Memory]:
        entry = self._lookup(key)
        if entry is None:
            self._forget(key)
            raise KeyError(key)
        memory = self._memories.get(key)
        if memory is None or memory.uid != entry.uid:
            memory = self._memories[key] = Memory(entry.uid)
        return entry, memory

    def _forget(self, key: Key) -> None:
        self._memories.pop(key, None)
        self._motion.stands(key)


def _ended(fresh: Document, pod: Document) -> bool:
    """Whether `pod` is on its way out, or what bears its name now is another one."""
    return uid(fresh) != uid(pod) or terminating(fresh)
