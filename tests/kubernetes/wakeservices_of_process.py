"""One process's view of the WakeServices of a namespace, on a real API server."""

import asyncio

from wakedock_operator.adapters.kubernetes.board import KubernetesBoard
from wakedock_operator.adapters.kubernetes.catalog import PLURAL, KubernetesCatalog, service_path
from wakedock_operator.adapters.kubernetes.client import Api, PatchType, resource_path
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.watching import Watching
from wakedock_operator.resource import API_VERSION, Key


class Cluster:
    """A shelf, and what stands on it. It learns of what is done through it; `watching` is to be run for the rest."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api, self.namespace = api, namespace
        self.key = Key(namespace, "hello")
        self.shelf = Shelf(lambda _: None)
        self.board, self.catalog = KubernetesBoard(api, self.shelf), KubernetesCatalog(api, self.shelf)
        path = resource_path(API_VERSION, PLURAL, namespace=namespace)
        self.watching = Watching(api, path, put=self.shelf.put, drop=self.shelf.drop, replace_all=self.shelf.replace_all)

    async def define(self, name: str = "hello", **spec: object) -> str:
        body = {
            "apiVersion": API_VERSION,
            "kind": "WakeService",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"hosts": [f"{name}.example.org"], "port": 80, "app": {"image": "hello:1"}, **spec},
        }
        raw = await self.api.create(resource_path(API_VERSION, PLURAL, namespace=self.namespace), body)
        self.shelf.put(raw)
        uid: str = raw["metadata"]["uid"]
        return uid

    async def annotate(self, **annotations: str) -> None:
        body = {"metadata": {"annotations": {f"wakedock.dev/{name}": value for name, value in annotations.items()}}}
        await self.api.patch(service_path(self.key), body, kind=PatchType.MERGE)

    async def until(self, holds) -> None:
        async with asyncio.timeout(20):
            async for _ in self.shelf.definitions.follow((None,)):
                if holds():
                    return
