"""WakeServices as an API server shows them."""

from typing import Any

from wakedock_operator.resource import API_VERSION, Key


def raw(key: Key, version: int = 1, *, created: int = 0, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """One that was created in this second of a minute, at this generation."""
    metadata: dict[str, Any] = {
        "name": key.name,
        "namespace": key.namespace,
        "uid": f"uid-{key}",
        "resourceVersion": str(version),
        "generation": version,
        "creationTimestamp": f"2026-01-01T00:00:{created:02}Z",
        "annotations": annotations or {},
    }
    spec = {"port": 80, "hosts": [f"{key.name}.test"]} | spec
    return {"apiVersion": API_VERSION, "kind": "WakeService", "metadata": metadata, "spec": spec}
