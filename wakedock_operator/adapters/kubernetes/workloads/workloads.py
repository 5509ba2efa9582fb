"""The port `Workloads` over the API server: what the controller may do, which is everything."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from wakedock_operator.adapters.kubernetes.children import deployment, replicas
from wakedock_operator.adapters.kubernetes.children import service as services
from wakedock_operator.adapters.kubernetes.children.applying import Children
from wakedock_operator.adapters.kubernetes.children.bypass import Bypasses
from wakedock_operator.adapters.kubernetes.children.made import Child, Shown
from wakedock_operator.adapters.kubernetes.children.names import stable_service
from wakedock_operator.adapters.kubernetes.children.services_seen import ServicesSeen
from wakedock_operator.adapters.kubernetes.client import Api, Raw
from wakedock_operator.adapters.kubernetes.errors import Conflict, Forbidden, Invalid, NotFound
from wakedock_operator.adapters.kubernetes.workloads import logs, scaling, selectors
from wakedock_operator.adapters.kubernetes.workloads.documents import metadata, restarts, spec, status, uid
from wakedock_operator.adapters.kubernetes.workloads.instances import address
from wakedock_operator.adapters.kubernetes.workloads.seen import Missing, look
from wakedock_operator.adapters.kubernetes.workloads.targets import APPS, Target, namespaced, target_of
from wakedock_operator.adapters.kubernetes.workloads.waking import KubernetesWaking, Lookup
from wakedock_operator.adapters.probing.readiness import ask_veto
from wakedock_operator.adapters.probing.readiness import target_of as asked_at
from wakedock_operator.core.observation import Observation
from wakedock_operator.core.status import FailureReason
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.ports.workloads import Unsupported, VersionMoved, VetoResult
from wakedock_operator.resource import Key, WakeService
from wakedock_operator.resource.backends import Backend, refusal

NEXT_RUN = 1.0
"""Seconds between two looks for output that goes on elsewhere."""
ALL_LINES = 10_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Selection:
    """How pods are found: by the labels of a Service's selector (None: labels cannot say it), and the labels that they have."""

    selector: Mapping[str, str] | None
    pods: Mapping[str, str]


class KubernetesWorkloads(KubernetesWaking):
    """`Workloads` behind `/scale`. Stops carry the workload's version."""

    stops_by_intent = False

    def __init__(self, api: Api, lookup: Lookup, count: Callable[[Key], int | None] = lambda _: None) -> None:
        super().__init__(api, lookup, count)
        self._ensured: dict[Key, tuple[str, WakeService]] = {}
        self._by_target: dict[tuple[str, str, str], set[Key]] = {}
        self._unfound: set[Key] = set()
        """Services whose target did not exist yet when they were made, or is another one of that name by now."""
        self._targets: dict[Key, str] = {}
        """The uid of each target, as it was seen last."""
        self._heard_of: set[str] = set()
        """Every kind of which a watch has shown a workload."""
        self._counts: dict[Key, int] = {}
        """How many replicas each target wakes to, as the status says: it is gone when they are put back."""
        self._children = Children(api)
        self._bypasses = Bypasses()
        self.services = ServicesSeen(self._children.made, self._bypasses, self.announce)
        """To be watched by whoever calls `ensure`."""

    def refusal(self, service: WakeService) -> str | None:
        return refusal(service, Backend.KUBERNETES)

    def keys(self) -> frozenset[Key]:
        """Nothing runs here that has no WakeService: what one leaves behind is put back when it goes."""
        return frozenset(self._ensured)

    def moved(self, raw: Raw) -> None:
        """A workload was shown to have changed."""
        self._children.made.saw(Shown.of(str(raw.get("kind", "")), raw))
        where = (metadata(raw).get("namespace", ""), str(raw.get("kind", "")), metadata(raw).get("name", ""))
        self._heard_of.add(where[1])
        self.announce(*self._by_target.get(where, ()))

    async def ensure(self, service: WakeService, uid: str) -> None:
        """Raises Unsupported where something of somebody else's stands in the way, or the API server refuses; ApiError where it is away."""
        self._remember(service.key, uid, service, target_of(service))
        try:
            await self._apply(service, uid)
        except (Forbidden, Invalid) as refused:
            raise Unsupported(f"the API server does not accept what the definition asks for: {refused}") from refused

    async def _apply(self, service: WakeService, uid: str) -> None:
        key, target = service.key, target_of(service)
        if service.spec.app is None:
            await self._apply_services(service, uid, await self._first_look(target, uid))
            return
        path = f"{namespaced(APPS, key.namespace, 'deployments')}/{key.name}"
        wanted = deployment.applied(service, uid)
        made = await self._children.apply(key, path, wanted, uid=uid, field="spec.app", at_zero=True)
        found = Selection(deployment.selector(key), wanted["spec"]["template"]["metadata"]["labels"])
        await self._apply_services(service, uid, found, made)

    async def _apply_services(self, service: WakeService, uid: str, found: Selection | None, *made: Child) -> None:
        """The address that stays, where the pods can be found by labels alone, and the Service for callers: all there is besides `made`."""
        key, children = service.key, {*made}
        if found is None:
            self._unfound.add(key)
        else:
            self._unfound.discard(key)
            self._bypasses.has_pods(key, found.pods)
            if service.spec.port is not None and found.selector is not None:
                path = f"{namespaced('v1', key.namespace, 'services')}/{stable_service(key)}"
                wanted = services.stable(key, uid, port=service.spec.port, selector=found.selector)
                children.add(await self._children.apply(key, path, wanted, uid=uid, field="metadata.name"))
        children.update(await self._apply_callers(service, uid))
        self._children.made.keep(key, children)

    def bypasses(self, key: Key) -> Sequence[str]:
        return self._bypasses.of(key)

    async def _apply_callers(self, service: WakeService, uid: str) -> tuple[Child, ...]:
        """The Service for callers. One of its default name that is somebody else's is left alone; a chosen name must be free."""
        key, name = service.key, service.service_name
        if name is None:
            return ()
        path = f"{namespaced('v1', key.namespace, 'services')}/{name}"
        try:
            return (await self._children.apply(key, path, services.callers(service, uid), uid=uid, field="spec.service.name"),)
        except Unsupported:
            if service.chose_service_name:
                raise
            log.info("somebody else's Service has the name of this app: its callers wake nothing", service=str(key))
            return ()

    async def remove(self, key: Key, uid: str) -> None:
        """A target gets its replicas back; what was made for the service goes with it, by its owner reference.

        An empty `uid` is that of a service of which the controller did not live to hear that it was made.
        """
        known = self._ensured.get(key)
        if known is not None and uid not in {known[0], ""}:
            return  # a successor of that name has the target now
        if known is not None and known[1].spec.target_ref is not None:
            # First of all: where it is refused, this is asked for again, and has to know what it is about.
            await replicas.put_back(self._api, self._kinds, target_of(known[1]), otherwise=self._counts.get(key))
        self._ensured.pop(key, None)
        self._forget(key)
        self._unfound.discard(key)
        self._targets.pop(key, None)
        self._bypasses.forget(key)
        self._children.made.forget(key)
        if known is None:
            return
        target = target_of(known[1])
        self._by_target.get((target.namespace, target.kind, target.name), set()).discard(key)
        self._counts.pop(key, None)

    def _hears_of(self, target: Target) -> bool:
        """A kind that was installed after the watches began is not watched: its workloads are looked at again and again."""
        return target.kind in self._heard_of

    async def observe(self, key: Key) -> Observation:
        observation = await super().observe(key)
        entry = self._lookup(key)
        if entry is not None and self._undone(entry, observation):
            observation = replace(observation, undone=True)
        if entry is not None and entry.service.spec.target_ref is not None:
            await self._look_after_target(entry, observation)
        failure = observation.failure
        if failure is not None and failure.reason in {FailureReason.CRASH_LOOP, FailureReason.EXITED}:
            last = await logs.last_line(self._api, self._memories[key].best)
            if last:
                return replace(observation, failure=replace(failure, message=f"{failure.message}; its last line: {last}"))
        return observation

    async def _look_after_target(self, entry: Entry, observation: Observation) -> None:
        """Its address that stays follows another workload of its name; its count is remembered where it outlives the WakeService."""
        key, target = entry.key, target_of(entry.service)
        seen = self._memories[key].workload
        if seen and self._targets.setdefault(key, seen) != seen:
            self._targets[key] = seen
            self._unfound.add(key)
        if key in self._unfound and observation.version:
            await self._apply_services(entry.service, entry.uid, await self._first_look(target, entry.uid))
        count = self._last_count(key)
        if count:
            self._counts[key] = count
        if observation.desired > 0:
            await replicas.remember(self._api, target, observation.desired, entry.uid)

    def _undone(self, entry: Entry, observation: Observation) -> bool:
        """Whether something that was made is gone or was changed. A target is nobody's to make."""
        failure = observation.failure
        gone = entry.service.spec.app is not None and failure is not None and failure.reason is FailureReason.TARGET_MISSING
        return gone or self._children.made.undone(entry.key)

    async def stop(self, key: Key, version: str) -> None:
        entry, memory = self._known(key)
        try:
            path = await self._path(key, memory, target_of(entry.service))
            if path is not None:
                await scaling.scale(self._api, path, to=0, when=version)
        except Conflict:
            raise VersionMoved(f"the workload of {key} changed since it was looked at") from None
        except NotFound:
            return
        finally:
            self._changes.announce(key)

    async def ask_veto(self, key: Key) -> VetoResult:
        entry, memory = self._known(key)
        question, pod = entry.service.spec.sleep.veto, memory.best
        if question is None or question.http is None or pod is None or not status(pod).get("podIP"):
            return VetoResult(vetoed=question is not None, detail="there is no pod to ask")
        return await ask_veto(question.http, asked_at(entry.service, address(pod, entry.service.spec.port)))

    async def logs(self, key: Key, *, lines: int) -> tuple[str, ...]:
        _, memory = self._known(key)
        if memory.best is None:
            await self.observe(key)
        return await logs.tail(self._api, memory.best, lines=lines)

    async def follow(self, key: Key, *, lines: int) -> AsyncIterator[str]:
        """From pod to pod, and from one start of a container to the next, until the service is gone."""
        last: tuple[str, int] | None = None
        while self._lookup(key) is not None:
            await self.observe(key)
            pod = self._memories[key].best
            run = None if pod is None else (uid(pod), restarts(pod))
            if pod is not None and run != last and status(pod).get("phase") != "Pending":
                # A container that is about to start again has no output to follow yet.
                with contextlib.suppress(Invalid, NotFound):
                    async with aclosing(logs.follow(self._api, pod, lines=lines if last is None else ALL_LINES)) as said:
                        async for line in said:
                            yield line
                    last = run
            await asyncio.sleep(NEXT_RUN)

    def _remember(self, key: Key, uid: str, service: WakeService, target: Target) -> None:
        before = self._ensured.get(key)
        if before is not None:
            old = target_of(before[1])
            self._by_target.get((old.namespace, old.kind, old.name), set()).discard(key)
        self._ensured[key] = uid, service
        self._by_target.setdefault((target.namespace, target.kind, target.name), set()).add(key)

    async def _first_look(self, target: Target, uid: str) -> Selection | None:
        """How a target's own pods are found, None while there is no target; what it has at first sight is what it wakes to."""
        try:
            seen = await look(self._api, self._kinds, target)
        except Missing:
            return None
        if seen.desired > 0:
            await replicas.remember(self._api, target, seen.desired, uid)
        if target.is_deployment or target.is_stateful_set:
            pods = metadata(spec(seen.workload).get("template") or {}).get("labels") or {}
            return Selection(selectors.service_selector(spec(seen.workload)["selector"], pods), pods)
        scale = await self._api.get(f"{await self._kinds.path(target)}/scale")
        selector = selectors.parse_labels(str(status(scale).get("selector", "")))
        return Selection(selector, selector or {})
