"""The port `Waking` over the API server: what a gateway may do with workloads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from wakedock_operator.adapters.kubernetes.children import replicas
from wakedock_operator.adapters.kubernetes.client import Api
from wakedock_operator.adapters.kubernetes.errors import Forbidden, Invalid, NotFound, Unavailable
from wakedock_operator.adapters.kubernetes.workloads import asking, scaling
from wakedock_operator.adapters.kubernetes.workloads.documents import Document, generation, owned_by, status, version
from wakedock_operator.adapters.kubernetes.workloads.failures import denial, failure_of
from wakedock_operator.adapters.kubernetes.workloads.instances import STABLE, address, ending, instance
from wakedock_operator.adapters.kubernetes.workloads.managed_fields import scaled_by
from wakedock_operator.adapters.kubernetes.workloads.memory import Memory
from wakedock_operator.adapters.kubernetes.workloads.motion import Motion
from wakedock_operator.adapters.kubernetes.workloads.pods_in_motion import Awaited, PodsInMotion
from wakedock_operator.adapters.kubernetes.workloads.seen import Missing, Seen, look
from wakedock_operator.adapters.kubernetes.workloads.settled import ready, rolling, settled
from wakedock_operator.adapters.kubernetes.workloads.stable import stable_address
from wakedock_operator.adapters.kubernetes.workloads.targets import Kinds, Target, UnknownKind, target_of
from wakedock_operator.core.observation import Instance, Observation
from wakedock_operator.core.status import Failure, FailureReason
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.ports.changes import Changes
from wakedock_operator.ports.workloads import ProbeResult
from wakedock_operator.resource import Key, Via, WakeService

Lookup = Callable[[Key], Entry | None]
"""The definition of a service as it is served, with its uid; None for one that is not known. No I/O."""

GONE = ProbeResult(ready=False, detail="the pod is gone")
UNADDRESSED = ProbeResult(ready=False, detail="the pod has no address yet")
POD_WAIT = 0.5
"""Seconds for which one pod is waited for at most, before whoever waits for it looks around again."""
FOLLOWED_FOR = 120.0
"""Seconds for which the pods of a workload that moves are followed. What does not stand by then is looked at every now and then."""
UNHEARD_LOOK = 5.0
"""Seconds between two looks at a workload that stands, where nobody tells when it changes."""
REFUSED_FOR = 3.0
"""Seconds after which a refusal counts as final."""
FORGOTTEN = 60.0
"""Seconds after which the next refusal has nothing to do with the last one."""
RETURN_LOOK = 0.5
"""Seconds after which an API server that was away is asked again."""


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
        self._pods = PodsInMotion(api, self._changes.announce)
        self._memories: dict[Key, Memory] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self._memories)} looked at, {self._motion}>"

    def close(self) -> None:
        """No announcements any more."""
        self._motion.close()
        self._pods.close()

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
        if seen.desired > 0 and memory.desired == 0:
            self._motion.stands(key)  # a start: what ended before it has nothing to do with it
        memory.saw(seen)
        observation = self._observation(entry, memory, seen)
        self._keep_looking(target, key, seen, observation)
        return observation

    def _keep_looking(self, target: Target, key: Key, seen: Seen, observation: Observation) -> None:
        waits = observation.desired > 0 and not any(each.ready for each in observation.live)
        if not (waits or observation.terminating) and observation.settled:
            self._stands(key)
            if not self._hears_of(target):
                self._motion.again(key, UNHEARD_LOOK)
            return
        told = False
        if self._motion.elapsed(key) < FOLLOWED_FOR:
            told = self._pods.follow(key, seen, settled=observation.settled)
        else:
            self._pods.leave(key)
        self._motion.moves(key, told=told and (observation.settled or observation.terminating))

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
        self._stands(key)
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
            return await self._ask_stable(service, memory)
        pod = memory.pods.get(instance)
        if pod is None:
            return GONE
        kubernetes_says = asking.kubernetes_decides(service, pod, port)
        awaited = await self._pods.until(key, pod, ready if kubernetes_says else _addressed, seconds=POD_WAIT)
        if instance not in memory.pods or awaited is Awaited.GONE:
            return GONE
        pod = memory.pods[instance] = self._pods.newest(key, memory.pods[instance])
        if kubernetes_says:
            result = asking.READY if ready(pod) else asking.NOT_READY
        else:
            result = await asking.ask_pod(service, pod, port) if _addressed(pod) else UNADDRESSED
        if not result.ready:
            # Where nobody could be asked, the pod was waited for.
            return replace(result, waited=awaited is Awaited.NOT_YET)
        if instance not in memory.pods:
            return GONE
        memory.answered.add(instance)
        return replace(result, address=address(pod, port))

    async def _ask_stable(self, service: WakeService, memory: Memory) -> ProbeResult:
        pod, port = memory.best, service.spec.port
        if pod is None or memory.stable is None or port is None:
            return ProbeResult(ready=False, detail="there is no Service, or no pod behind it")
        result = await asking.ask_stable(service, pod, port, memory.stable)
        if not result.ready:
            # It may have been made anew, with another address.
            memory.stable = None
        return result

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
        self._stands(key)

    def _stands(self, key: Key) -> None:
        self._motion.stands(key)
        self._pods.leave(key)


def _addressed(pod: Document) -> bool:
    return bool(status(pod).get("podIP"))
