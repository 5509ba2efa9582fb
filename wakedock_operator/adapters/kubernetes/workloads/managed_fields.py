"""Who set the replicas, as `metadata.managedFields` tells."""

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


def _holds_replicas(entry: Document) -> bool:
    fields = entry.get("fieldsV1") or {}
    return entry.get("subresource") == "scale" or "f:replicas" in (fields.get("f:spec") or {})
