"""What controllers and a kubelet would do with one Deployment, where there are none; only when it is asked for."""

from itertools import count
from typing import Any

from wakedock_operator.adapters.kubernetes.client import Api, PatchType, resource_path
from wakedock_operator.adapters.kubernetes.errors import NotFound
from wakedock_operator.resource import Key

Object = dict[str, Any]


class Controllers:
    """Of the Deployment of `key`. Its pods have the address 127.0.0.1."""

    def __init__(self, api: Api, key: Key) -> None:
        self._api, self._key = api, key
        self._numbers = count(1)

    async def act(self) -> None:
        """As many pods as asked for: what is too much terminates, and goes on doing so."""
        deployment = await self._api.get(self._path("apps/v1", "deployments", self._key.name))
        desired = deployment["spec"]["replicas"]
        replica_set = await self._replica_set(deployment, desired)
        live = [pod for pod in await self._pods() if "deletionTimestamp" not in pod["metadata"]]
        for _ in range(desired - len(live)):
            await self._create_pod(replica_set)
        for pod in live[desired:]:
            await self._api.delete(self._path("v1", "pods", pod["metadata"]["name"]))
        for plural, each in (("replicasets", replica_set), ("deployments", deployment)):
            observed = {"replicas": desired, "observedGeneration": each["metadata"]["generation"]}
            await self._say("apps/v1", plural, each, observed)

    async def end(self) -> None:
        """What terminates is gone."""
        for pod in await self._pods():
            if "deletionTimestamp" in pod["metadata"]:
                await self._api.delete(self._path("v1", "pods", pod["metadata"]["name"]), {"gracePeriodSeconds": 0})

    async def _replica_set(self, deployment: Object, desired: int) -> Object:
        name = f"{self._key.name}-1"
        try:
            patch = {"spec": {"replicas": desired}}
            return await self._api.patch(self._path("apps/v1", "replicasets", name), patch, kind=PatchType.MERGE)
        except NotFound:
            spec = {field: deployment["spec"][field] for field in ("selector", "template")} | {"replicas": desired}
            labels = spec["template"]["metadata"]["labels"]
            body = {"metadata": {"name": name, "labels": labels, **_owned("Deployment", deployment)}, "spec": spec}
            return await self._api.create(self._path("apps/v1", "replicasets"), body)

    async def _create_pod(self, replica_set: Object) -> None:
        template = replica_set["spec"]["template"]
        # Of a pod without a node nothing is left to terminate.
        spec = template["spec"] | {"nodeName": "node"}
        name = f"{self._key.name}-1-{next(self._numbers)}"
        metadata = {"name": name, "labels": template["metadata"]["labels"], **_owned("ReplicaSet", replica_set)}
        pod = await self._api.create(self._path("v1", "pods"), {"metadata": metadata, "spec": spec})
        await self._say("v1", "pods", pod, {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]})

    async def _pods(self) -> list[Object]:
        return await self._api.read_all(self._path("v1", "pods"))

    async def _say(self, api_version: str, plural: str, of: Object, status: Object) -> None:
        path = resource_path(api_version, plural, namespace=self._key.namespace, name=of["metadata"]["name"], part="status")
        await self._api.patch(path, {"status": status}, kind=PatchType.MERGE)

    def _path(self, api_version: str, plural: str, name: str | None = None) -> str:
        return resource_path(api_version, plural, namespace=self._key.namespace, name=name)


def _owned(kind: str, owner: Object) -> Object:
    metadata = owner["metadata"]
    return {
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": metadata["name"], "uid": metadata["uid"], "controller": True}]
    }
