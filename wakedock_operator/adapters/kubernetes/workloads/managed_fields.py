"""Who set what, as `metadata.managedFields` tells.

`fieldsV1` is a trie of paths: `f:NAME` is a field, `k:{…}` the item of a list with these keys, `v:…` the item of a set. What has nothing
below it is held as a whole.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wakedock_operator.adapters.kubernetes.workloads.documents import Document, metadata

OURS = "wakedock-"
"""Prefix of every field manager of WakeDock."""
CREATE = f"{OURS}create"
OPERATOR = f"{OURS}operator"
SCALE = f"{OURS}scale"
FENCE = f"{OURS}fence-"


def scaled_by(workload: Document) -> str:
    """The newest manager of the replicas that is not WakeDock; empty where WakeDock set them."""
    others = [
        each
        for each in metadata(workload).get("managedFields") or ()
        if not str(each.get("manager", "")).startswith(OURS) and _holds_replicas(each)
    ]
    newest = max(others, key=lambda each: str(each.get("time", "")), default=None)
    return "" if newest is None else str(newest["manager"])


def replicas_held_only_by(workload: Document, manager: str) -> bool:
    """Whether the replicas would go to their default if `manager` gave them up."""
    holders = {str(each.get("manager", "")) for each in metadata(workload).get("managedFields") or () if _holds_replicas(each)}
    return holders == {manager}


def applied_by(document: Document, manager: str) -> Sequence[Mapping[str, Any]]:
    """The fields that `manager` holds by server-side apply, of everything but subresources."""
    return [
        each.get("fieldsV1") or {}
        for each in metadata(document).get("managedFields") or ()
        if each.get("manager") == manager and each.get("operation") == "Apply" and not each.get("subresource")
    ]


def holds(document: Document, manager: str, applied: Document) -> bool:
    """Whether nobody has changed or removed anything since `manager` applied `applied` (server-side): whoever does takes it over."""
    meta = {name: value for name, value in metadata(applied).items() if name not in {"name", "namespace"}}
    wanted = {**{name: value for name, value in applied.items() if name not in {"apiVersion", "kind"}}, "metadata": meta}
    return any(_held(fields, wanted) for fields in applied_by(document, manager))


def _held(fields: Mapping[str, Any], wanted: Any) -> bool:
    if not fields:
        return True
    if isinstance(wanted, Mapping):
        return all(f"f:{name}" in fields and _held(fields[f"f:{name}"], value) for name, value in wanted.items() if value is not None)
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return all(any(_is(key, item) and _held(below, item) for key, below in fields.items()) for item in wanted)
    return True


def _is(key: str, item: Any) -> bool:
    """Whether `key` names this item of a list. What an item leaves out of its keys has a default."""
    kind, _, said = key.partition(":")
    if kind == "k" and isinstance(item, Mapping):
        return all(item.get(name, value) == value for name, value in json.loads(said).items())
    return kind == "v" and bool(json.loads(said) == item)


def _holds_replicas(entry: Document) -> bool:
    fields = entry.get("fieldsV1") or {}
    return entry.get("subresource") == "scale" or "f:replicas" in (fields.get("f:spec") or {})
