"""How many replicas to put back: a ConfigMap per namespace that outlives WakeServices, the operator and a broken installation.

One entry per target; it goes when the replicas were put back, and the ConfigMap with the last one.
"""

import contextlib
import hashlib
import json
from dataclasses import dataclass

from wakedock_operator.adapters.kubernetes.client import Api, PatchType
from wakedock_operator.adapters.kubernetes.errors import Conflict, Forbidden, NotFound
from wakedock_operator.adapters.kubernetes.workloads import scaling
from wakedock_operator.adapters.kubernetes.workloads.documents import Document, version
from wakedock_operator.adapters.kubernetes.workloads.managed_fields import OPERATOR
from wakedock_operator.adapters.kubernetes.workloads.targets import Kinds, Target, UnknownKind, namespaced

CONFIG_MAP = "wakedock-replicas"
MAX_KEY = 253


@dataclass(frozen=True, slots=True)
class Remembered:
    """A target, the replicas to put back, and the uid of the WakeService that took them."""

    target: Target
    replicas: int
    uid: str


def entry_name(target: Target) -> str:
    """`KIND.GROUP.NAME`; the end of one that is too long for the key of a ConfigMap is replaced by a hash."""
    name = f"{target.kind}.{target.group}.{target.name}"
    return name if len(name) <= MAX_KEY else f"{name[: MAX_KEY - 17]}.{hashlib.sha256(name.encode()).hexdigest()[:16]}"


async def remembered(api: Api, target: Target) -> int | None:
    """The count of one target; None where none is known, or where this process may not read it."""
    try:
        found = _entry(target.namespace, (await _read(api, target.namespace)).get(entry_name(target)))
    except Forbidden:
        return None
    return None if found is None else found.replicas


async def remember(api: Api, target: Target, count: int, uid: str) -> None:
    """Keep `count` (above zero) for `target`. Writes only what is new."""
    value = json.dumps(
        {"replicas": count, "uid": uid, "apiVersion": target.api_version, "kind": target.kind, "name": target.name}, sort_keys=True
    )
    if (await _read(api, target.namespace)).get(entry_name(target)) == value:
        return
    while True:
        try:
            await api.patch(_path(target.namespace), {"data": {entry_name(target): value}}, kind=PatchType.MERGE, manager=OPERATOR)
        except NotFound:
            await _create(api, target.namespace)
            continue
        return


async def put_back(api: Api, kinds: Kinds, target: Target, *, uid: str = "", otherwise: int | None = None) -> bool:
    """Give a target at zero its remembered replicas and drop the entry; True if replicas were put back.

    A target above zero keeps what it has, and one that is gone needs nothing: in both cases only the entry goes. With `uid` nothing
    happens to an entry that another WakeService has written meanwhile. `otherwise` is the count where somebody took the entry away.
    Where scaling is refused the entry stays; raises ApiError.
    """
    entry = _entry(target.namespace, (await _read(api, target.namespace)).get(entry_name(target)))
    count = otherwise if entry is None else entry.replicas
    if count is None or (uid and entry is not None and entry.uid != uid):
        return False
    try:
        changed = await scaling.start(api, await kinds.path(target), count)
    except (NotFound, UnknownKind):
        changed = False
    await drop(api, target)
    return changed


async def drop(api: Api, target: Target) -> None:
    """Forget the count of one target."""
    while True:
        try:
            left = await api.patch(_path(target.namespace), {"data": {entry_name(target): None}}, kind=PatchType.MERGE, manager=OPERATOR)
            if not left.get("data"):
                await api.delete(_path(target.namespace), {"preconditions": {"resourceVersion": version(left)}})
        except NotFound:
            return
        except Conflict:
            continue  # somebody remembered something meanwhile
        return


async def entries(api: Api, namespace: str) -> list[Remembered]:
    """Everything that is remembered in a namespace; empty for all of the cluster."""
    if namespace:
        found: list[Document] = [{"metadata": {"namespace": namespace}, "data": await _read(api, namespace)}]
    else:
        found = list(await api.read_all("/api/v1/configmaps", fieldSelector=f"metadata.name={CONFIG_MAP}"))
    known = [
        _entry(config_map["metadata"]["namespace"], value) for config_map in found for value in (config_map.get("data") or {}).values()
    ]
    return [each for each in known if each is not None]


def _path(namespace: str) -> str:
    return f"{namespaced('v1', namespace, 'configmaps')}/{CONFIG_MAP}"


async def _read(api: Api, namespace: str) -> dict[str, str]:
    try:
        found = await api.get(_path(namespace))
    except NotFound:
        return {}
    return dict(found.get("data") or {})


async def _create(api: Api, namespace: str) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CONFIG_MAP, "labels": {"app.kubernetes.io/managed-by": "wakedock"}},
    }
    with contextlib.suppress(Conflict):
        await api.create(namespaced("v1", namespace, "configmaps"), body, fieldManager=OPERATOR)


def _entry(namespace: str, value: str | None) -> Remembered | None:
    """What one value says; None for one that nobody here has written."""
    try:
        found = json.loads(value or "")
        target = Target(namespace, str(found["apiVersion"]), str(found["kind"]), str(found["name"]))
        count = int(found["replicas"])
    except (ValueError, KeyError, TypeError):
        return None
    return Remembered(target, count, str(found.get("uid", ""))) if count > 0 else None
