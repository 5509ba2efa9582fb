"""Who counts as a gateway on Kubernetes: every gateway pod that is bound to a node and has not finished, ready or not."""

from typing import Any

from wakedock_operator.adapters.kubernetes.client import Api, Raw, resource_path


class PodGateways:
    """`Gateways`: pods by label in one namespace. Feed it with a watch; `names` lists afresh."""

    come_and_go = True

    def __init__(self, api: Api, *, namespace: str, selector: str) -> None:
        self.path = resource_path("v1", "pods", namespace=namespace)
        self.selector = selector
        self._api = api
        self._pods: dict[str, tuple[str, bool]] = {}

    def __repr__(self) -> str:
        return f"<PodGateways {sorted(self.last())}>"

    def last(self) -> frozenset[str]:
        return frozenset(name for name, counts in self._pods.values() if counts)

    async def names(self) -> frozenset[str]:
        self.replace_all(await self._api.read_all(self.path, labelSelector=self.selector))
        return self.last()

    def put(self, raw: Raw) -> None:
        """A pod as the API server showed it."""
        self._pods[raw["metadata"]["uid"]] = (raw["metadata"]["name"], _counts(raw))

    def drop(self, raw: Raw) -> None:
        """A pod that is gone."""
        self._pods.pop(raw["metadata"]["uid"], None)

    def replace_all(self, raws: Any) -> None:
        """All pods of one moment."""
        self._pods = {}
        for raw in raws:
            self.put(raw)


def _counts(raw: Raw) -> bool:
    bound = bool((raw.get("spec") or {}).get("nodeName"))
    return bound and (raw.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
