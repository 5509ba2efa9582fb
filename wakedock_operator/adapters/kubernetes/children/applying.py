"""Bringing children to what a definition says, with as few writes as that takes. Nothing of anybody else's is ever edited."""

import hashlib
import json
from typing import Any

import structlog

from wakedock_operator.adapters.kubernetes.children.made import Child, Made, Shown
from wakedock_operator.adapters.kubernetes.children.names import HASH
from wakedock_operator.adapters.kubernetes.client import Api, PatchType, Raw
from wakedock_operator.adapters.kubernetes.errors import Conflict, NotFound
from wakedock_operator.adapters.kubernetes.workloads.documents import annotation, owned_by
from wakedock_operator.adapters.kubernetes.workloads.managed_fields import CREATE, OPERATOR, holds, replicas_held_only_by
from wakedock_operator.ports.workloads import Unsupported
from wakedock_operator.resource import Key

log = structlog.get_logger(__name__)


class Children:
    """What is made for WakeServices."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.made = Made()
        """As it was left."""

    def __repr__(self) -> str:
        return f"<Children {self.made!r}>"

    async def apply(self, key: Key, path: str, wanted: Raw, *, uid: str, field: str, at_zero: bool = False) -> Child:
        """Apply `wanted` at `path` (server-side, forced, as the operator) unless it stands like that; returns what it is.

        With `at_zero` it has replicas, which are 0 when it is created and are left alone after that. Raises Unsupported for an object of
        that name that is not this WakeService's (`uid`); `field` is the one to change then.
        """
        kind, name = wanted["kind"], wanted["metadata"]["name"]
        digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:32]
        there = await self._there(path)
        if there is None and at_zero:
            try:
                # Not forced: the count of one that somebody else creates at this moment is not taken over.
                body = {**wanted, "spec": {**wanted["spec"], "replicas": 0}}
                there = await self._api.patch(path, body, kind=PatchType.APPLY, manager=OPERATOR)
            except Conflict:
                there = await self._there(path)
        if there is not None and not owned_by(there, uid):
            raise Unsupported(f"{field}: there is a {kind} {name!r} already, which is not this WakeService's; rename one of them")
        if there is not None and annotation(there, HASH) == digest:
            if holds(there, OPERATOR, wanted):
                return self.made.leave(key, Shown.of(kind, there))
            log.info("somebody changed what was made for a service; it is put right", service=str(key), kind=kind, name=name)
        if at_zero:
            await self._share_replicas(path, there)
        marked: dict[str, Any] = {**wanted, "metadata": {**wanted["metadata"], "annotations": {HASH: digest}}}
        applied = await self._api.patch(path, marked, kind=PatchType.APPLY, manager=OPERATOR, force=True)
        return self.made.leave(key, Shown.of(kind, applied))

    async def _share_replicas(self, path: str, there: Raw | None) -> None:
        """Let another manager hold the count that stands, so that it stays when the operator no longer applies one."""
        while there is not None and replicas_held_only_by(there, OPERATOR):
            metadata = {name: there["metadata"][name] for name in ("name", "namespace", "resourceVersion")}
            count = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": there["spec"]["replicas"]}}
            try:
                await self._api.patch(path, count, kind=PatchType.APPLY, manager=CREATE)
            except Conflict:
                there = await self._there(path)
                continue
            return

    async def _there(self, path: str) -> Raw | None:
        try:
            return await self._api.get(path)
        except NotFound:
            return None
