"""Services that lead to an app past the gateways: what comes by them is not seen, keeps nothing awake and wakes nothing."""

import time
from collections.abc import Mapping, Sequence

from wakedock_operator.adapters.kubernetes.children.names import SERVICE_LABEL
from wakedock_operator.adapters.kubernetes.client import Api, Raw
from wakedock_operator.adapters.kubernetes.workloads.documents import metadata, spec
from wakedock_operator.adapters.kubernetes.workloads.targets import namespaced

FRESH = 10.0
"""Seconds for which a namespace's Services are not listed again: thousands of definitions are made one after the other."""


class Bypasses:
    """Looks for them, with one list per namespace."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._listed: dict[str, tuple[float, list[Raw]]] = {}

    def __repr__(self) -> str:
        return f"<Bypasses in {len(self._listed)} namespaces>"

    async def of(self, namespace: str, pod_labels: Mapping[str, str]) -> Sequence[str]:
        """The names of Services that select pods with these labels, but for those that WakeDock made. Raises ApiError."""
        now = time.monotonic()
        at, services = self._listed.get(namespace, (-FRESH, []))
        if now - at >= FRESH:
            services = await self._api.read_all(namespaced("v1", namespace, "services"))
            self._listed[namespace] = now, services
        return sorted(metadata(each)["name"] for each in services if _leads(each, pod_labels))


def _leads(service: Raw, pod_labels: Mapping[str, str]) -> bool:
    selector = spec(service).get("selector") or {}
    own = SERVICE_LABEL in (metadata(service).get("labels") or {})
    return bool(selector) and not own and selector.items() <= pod_labels.items()
