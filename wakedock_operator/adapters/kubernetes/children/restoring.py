"""Replicas of targets that nobody keeps asleep any more: for an uninstallation, and where WakeServices ended while no operator ran."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import structlog

from wakedock_operator.adapters.kubernetes.children.replicas import Remembered, entries, put_back
from wakedock_operator.adapters.kubernetes.client import Api
from wakedock_operator.adapters.kubernetes.errors import ApiError
from wakedock_operator.adapters.kubernetes.workloads.targets import Kinds, Target
from wakedock_operator.workqueue import WorkQueue

EVERYWHERE = ""
"""All namespaces, as in Kubernetes."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Restoration:
    """The targets that were scaled; and what could not be, a target or what is remembered in a namespace, each with the reason."""

    scaled: tuple[Target, ...]
    failed: Mapping[str, str]


async def restore_all(api: Api, namespaces: Iterable[str] = (EVERYWHERE,)) -> Restoration:
    """Put back the replicas of every target at zero, for an uninstallation. What fails holds nothing else back."""
    kinds, scaled, failed = Kinds(api), list[Target](), dict[str, str]()
    for namespace in namespaces:
        try:
            found = await entries(api, namespace)
        except ApiError as error:
            failed[f"the targets of {_place(namespace)}"] = str(error)
            continue
        for each in found:
            try:
                if await put_back(api, kinds, each.target):
                    scaled.append(each.target)
            except ApiError as error:
                failed[str(each.target)] = str(error)
    return Restoration(tuple(scaled), failed)


class Leftovers:
    """Puts back what WakeServices have left that ended while nobody watched.

    Each namespace and each target is on its own: one that is refused is tried again after a back-off, and keeps nobody waiting.
    """

    def __init__(self, api: Api, alive: Callable[[str], Awaitable[Collection[str]]], namespaces: Iterable[str] = (EVERYWHERE,)) -> None:
        """`alive` lists the uids of all WakeServices of a namespace."""
        self._api = api
        self._alive = alive
        self._kinds = Kinds(api)
        self._namespaces: WorkQueue[str] = WorkQueue(self._look, name="left-in")
        self._targets: WorkQueue[Remembered] = WorkQueue(self._put_back, name="left-behind")
        for namespace in namespaces:
            self._namespaces.add(namespace)

    def __repr__(self) -> str:
        return f"<Leftovers {self._targets!r}>"

    async def run(self) -> None:
        """Look once, and put back until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._targets.run())
            tasks.create_task(self._namespaces.run())

    async def _look(self, namespace: str) -> None:
        found = await entries(self._api, namespace)
        # Listed after the entries were read: whoever has written one is in that list then.
        uids = await self._alive(namespace) if found else ()
        ended = [each for each in found if each.uid not in uids]
        log.info("looked for what ended WakeServices have left", where=_place(namespace), targets=[str(each.target) for each in ended])
        for each in ended:
            self._targets.add(each)

    async def _put_back(self, left: Remembered) -> None:
        if await put_back(self._api, self._kinds, left.target, uid=left.uid):
            log.info("put back what an ended WakeService has left", target=str(left.target), replicas=left.replicas)


def _place(namespace: str) -> str:
    return f"namespace {namespace}" if namespace else "the cluster"
