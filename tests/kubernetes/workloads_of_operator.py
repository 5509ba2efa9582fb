"""An operator's workloads on a real API server, with the watches that feed them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hack.cluster.kubectl import Kubectl
from wakedock_operator.adapters.kubernetes.client import Api, connect, resource_path
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.adapters.kubernetes.workloads.workloads import KubernetesWorkloads
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import API_VERSION, Key


class OperatorWorkloads:
    """Workloads, and the WakeServices of one namespace as kubectl shows them."""

    def __init__(self, api: Api, kubectl: Kubectl) -> None:
        self.api, self.kubectl = api, kubectl
        self.shelf = Shelf(lambda _: None)
        self.workloads = KubernetesWorkloads(api, self.shelf.entry, self.shelf.replicas)

    def define(self, name: str, spec: dict[str, Any]) -> Entry:
        """Apply a WakeService, and know it."""
        self.kubectl.apply({"apiVersion": API_VERSION, "kind": "WakeService", "metadata": {"name": name}, "spec": spec})
        self.shelf.put(self.kubectl.get("wakeservice", name))
        entry = self.shelf.entry(Key(self.kubectl.namespace, name))
        assert entry is not None
        return entry

    async def make(self, name: str, spec: dict[str, Any]) -> Key:
        """Apply a WakeService, and make what it asks for."""
        entry = self.define(name, spec)
        await self.workloads.ensure(entry.service, entry.uid)
        return entry.key

    def names(self, kind: str) -> set[str]:
        """`KIND/NAME` of each object of a kind."""
        return set(self.kubectl("get", kind, "--output=name").split())

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what an announced workload brings."""
        async with asyncio.timeout(20):
            if holds():
                return
            async for _ in self.workloads.watch():
                if holds():
                    return

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch Services and Deployments meanwhile."""
        namespace = self.kubectl.namespace
        path = resource_path("apps/v1", "deployments", namespace=namespace)
        moved = self.workloads.moved
        deployments = Watching(self.api, path, put=moved, drop=moved, replace_all=lambda _: None)
        watches: list[Watching[Any]] = [*self.workloads.services.watching(self.api, [namespace]), deployments]
        tasks = [asyncio.create_task(each.run()) for each in watches]
        for each in watches:
            await each.synced.wait()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@asynccontextmanager
async def workloads_of_operator(kubeconfig: Path, kubectl: Kubectl) -> AsyncIterator[OperatorWorkloads]:
    """One that watches."""
    api = await connect(kubeconfig=kubeconfig)
    one = OperatorWorkloads(api, kubectl)
    async with one.watching():
        yield one
    one.workloads.close()
    await api.close()
