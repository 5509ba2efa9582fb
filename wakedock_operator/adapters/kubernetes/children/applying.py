"""Bringing children to what a definition says, with as few writes as that takes. Nothing of anybody else's is ever edited."""

import hashlib
import json
from typing import Any

from wakedock_operator.adapters.kubernetes.children.names import HASH
from wakedock_operator.adapters.kubernetes.client import Api, PatchType, Raw
from wakedock_operator.adapters.kubernetes.errors import Conflict, NotFound
from wakedock_operator.adapters.kubernetes.workloads.documents import annotation, owned_by
from wakedock_operator.adapters.kubernetes.workloads.managed_fields import CREATE, OPERATOR
from wakedock_operator.ports.workloads import Unsupported


async def apply(api: Api, path: str, wanted: Raw, *, uid: str, first: Raw | None = None) -> None:
    """Apply `wanted` at `path` (server-side, forced, as the operator) unless it was applied before; `first` is what it is created as.

    Raises Unsupported for an object of that name that is not this WakeService's (`uid`).
    """
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:32]
    there = await _there(api, path)
    if there is None and first is not None:
        try:
            there = await api.create(path.rpartition("/")[0], first, fieldManager=CREATE)
        except Conflict:
            there = await _there(api, path)
    if there is not None and not owned_by(there, uid):
        kind, name = wanted["kind"], wanted["metadata"]["name"]
        raise Unsupported(f"spec: there is a {kind} {name!r} already, which is not this WakeService's; rename one of them or use targetRef")
    if there is not None and annotation(there, HASH) == digest:
        return
    marked: dict[str, Any] = {**wanted, "metadata": {**wanted["metadata"], "annotations": {HASH: digest}}}
    await api.patch(path, marked, kind=PatchType.APPLY, manager=OPERATOR, force=True)


async def _there(api: Api, path: str) -> Raw | None:
    try:
        return await api.get(path)
    except NotFound:
        return None
