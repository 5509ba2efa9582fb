"""What the children of a WakeService are called, and how they show whose they are."""

from typing import Any

from wakedock_operator.resource import API_VERSION, KIND, Key
from wakedock_operator.resource.backends import STABLE_SUFFIX

SERVICE_LABEL = "wakedock.dev/service"
"""On everything that was made for a WakeService, with its name; on the pods of an `app` too, which are found by it."""
HASH = "wakedock.dev/applied"
"""Annotation: a hash of what was applied last, so that an unchanged definition costs no write."""
CALLERS_PORT = "http"
"""What the port of a Service for callers is called: its slices are joined to it by this name."""


def stable_service(key: Key) -> str:
    """The Service with the address that stays."""
    return f"{key.name}{STABLE_SUFFIX}"


def labels(key: Key) -> dict[str, str]:
    """The labels of everything made for a service."""
    return {"app.kubernetes.io/managed-by": "wakedock", SERVICE_LABEL: key.name}


def owner(key: Key, uid: str) -> list[dict[str, Any]]:
    """The owner reference by which a child is collected with its WakeService. Nothing blocks the deletion of the owner."""
    return [{"apiVersion": API_VERSION, "kind": KIND, "name": key.name, "uid": uid, "controller": True, "blockOwnerDeletion": False}]
