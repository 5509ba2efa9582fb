"""Who counts as a gateway on Kubernetes: every gateway pod that is bound to a node and has not finished, ready or not."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from wakedock_operator.adapters.kubernetes.client import Api, Raw, resource_path
from wakedock_operator.adapters.kubernetes.workloads.settled import ready
from wakedock_operator.ports.changes import Changes


@dataclass(frozen=True, slots=True)
class GatewayPod:
    """One gateway pod, as far as anybody needs it."""

    name: str
    uid: str
    counts: bool
    """Its word is needed for a sleep."""
    addresses: tuple[str, ...]
    ready: bool
    ending: bool


class PodGateways:
    """`Gateways`: pods by label in one namespace. Feed it with a watch; `names` lists afresh."""

    come_and_go = True

    def __init__(self, api: Api, *, namespace: str, selector: str) -> None:
        self.path = resource_path("v1", "pods", namespace=namespace)
        self.selector = selector
        self._api = api
        self.changes: Changes[None] = Changes()
        """Some pod came, went or became another."""
        self._gone: Changes[str] = Changes()
        self._pods: dict[str, GatewayPod] = {}

    def __repr__(self) -> str:
        return f"<PodGateways {sorted(self.last())}>"

    def last(self) -> frozenset[str]:
        return frozenset(pod.name for pod in self._pods.values() if pod.counts)

    def pods(self) -> tuple[GatewayPod, ...]:
        """All pods as last shown, by name. No I/O."""
        return tuple(sorted(self._pods.values(), key=lambda pod: pod.name))

    async def names(self) -> frozenset[str]:
        self.replace_all(await self._api.read_all(self.path, labelSelector=self.selector))
        return self.last()

    def gone(self) -> AsyncIterator[str]:
        return self._gone.follow()

    def put(self, raw: Raw) -> None:
        """A pod as the API server showed it."""
        self._become({**self._pods, raw["metadata"]["uid"]: _read(raw)})

    def drop(self, raw: Raw) -> None:
        """A pod that is gone."""
        self._become({uid: pod for uid, pod in self._pods.items() if uid != raw["metadata"]["uid"]})

    def replace_all(self, raws: Iterable[Raw]) -> None:
        """All pods of one moment."""
        self._become({raw["metadata"]["uid"]: _read(raw) for raw in raws})

    def _become(self, pods: dict[str, GatewayPod]) -> None:
        if pods == self._pods:
            return
        before, self._pods = self.last(), pods
        self.changes.announce(None)
        self._gone.announce(*sorted(before - self.last()))


def _read(raw: Raw) -> GatewayPod:
    metadata, status = raw["metadata"], raw.get("status") or {}
    lives = status.get("phase") not in {"Succeeded", "Failed"}
    return GatewayPod(
        name=metadata["name"],
        uid=metadata["uid"],
        counts=bool((raw.get("spec") or {}).get("nodeName")) and lives,
        addresses=tuple(str(each["ip"]) for each in status.get("podIPs") or () if each.get("ip")) if lives else (),
        ready=ready(raw),
        ending=bool(metadata.get("deletionTimestamp")),
    )
