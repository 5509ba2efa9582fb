"""Bringing children to what a definition says, with as few writes as that takes. Nothing of anybody else's is ever edited."""

import hashlib
import json
from typing import Any

from wakedock_operator.adapters.kubernetes.children.names import HASH
from wakedock_operator.adapters.kubernetes.client import Api, PatchType, Raw
from wakedock_operator.adapters.kubernetes.errors import Conflict, NotFound
from wakedock_operator.adapters.kubernetes.workloads.documents import annotation, owned_by
from wakedock_operator.adapters.kubernetes.workloads.managed_fields import CREATE, OPERATOR, replicas_held_only_by
from wakedock_operator.ports.workloads import Unsupported


async def apply(api: Api, path: str, wanted: Raw, *, uid: str, at_zero: bool = False) -> None:
    """Apply `wanted` at `path` (server-side, forced, as the operator) unless it was applied before.

    With `at_zero` it has replicas, which are 0 when it is created and are left alone after that. Raises Unsupported for an object of that
    name that is not this WakeService's (`uid`).
    """
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:32]
    there = await _there(api, path)
    if there is None and at_zero:
        try:
            # Not forced: the count of one that somebody else creates at this moment is not taken over.
            body = {**wanted, "spec": {**wanted["spec"], "replicas": 0}}
            there = await api.patch(path, body, kind=PatchType.APPLY, manager=OPERATOR)
        except Conflict:
            there = await _there(api, path)
    if there is not None and not owned_by(there, uid):
        kind, name = wanted["kind"], wanted["metadata"]["name"]
        raise Unsupported(f"spec: there is a {kind} {name!r} already, which is not this WakeService's; rename one of them or use targetRef")
    if there is not None and annotation(there, HASH) == digest:
        return
    if at_zero:
        await _share_replicas(api, path, there)
    marked: dict[str, Any] = {**wanted, "metadata": {**wanted["metadata"], "annotations": {HASH: digest}}}
    await api.patch(path, marked, kind=PatchType.APPLY, manager=OPERATOR, force=True)


async def _share_replicas(api: Api, path: str, there: Raw | None) -> None:
    """Let another manager hold the count that stands, so that it stays when the operator no longer applies one."""
    while there is not None and replicas_held_only_by(there, OPERATOR):
        metadata = {name: there["metadata"][name] for name in ("name", "namespace", "resourceVersion")}
        count = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": there["spec"]["replicas"]}}
        try:
            await api.patch(path, count, kind=PatchType.APPLY, manager=CREATE)
        except Conflict:
            there = await _there(api, path)
            continue
        return


async def _there(api: Api, path: str) -> Raw | None:
    try:
        return await api.get(path)
    except NotFound:
        return None
