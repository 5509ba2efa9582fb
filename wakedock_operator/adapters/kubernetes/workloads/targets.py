"""Which workload belongs to a service, and where the API server has it."""

from collections.abc import Mapping
from dataclasses import dataclass

from wakedock_operator.adapters.kubernetes.client import Api
from wakedock_operator.adapters.kubernetes.errors import NotFound
from wakedock_operator.resource import WakeService

DEPLOYMENT = "Deployment"
STATEFUL_SET = "StatefulSet"
APPS = "apps/v1"

_WELL_KNOWN: Mapping[tuple[str, str], str] = {(APPS, DEPLOYMENT): "deployments", (APPS, STATEFUL_SET): "statefulsets"}


class UnknownKind(Exception):
    """The cluster has no such kind, or one that cannot be scaled. The message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A workload by name."""

    namespace: str
    api_version: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        group, slash, _ = self.api_version.rpartition("/")
        return group if slash else ""

    @property
    def is_deployment(self) -> bool:
        """Whether ReplicaSets stand between it and its pods."""
        return (self.group, self.kind) == ("apps", DEPLOYMENT)

    @property
    def is_stateful_set(self) -> bool:
        """Whether it is the StatefulSet of Kubernetes itself."""
        return (self.group, self.kind) == ("apps", STATEFUL_SET)


def target_of(service: WakeService) -> Target:
    """`app`: the Deployment of the service's own name; `targetRef`: what it names, in the service's namespace."""
    ref = service.spec.target_ref
    if ref is None:
        return Target(service.key.namespace, APPS, DEPLOYMENT, service.key.name)
    return Target(service.key.namespace, ref.api_version, ref.kind, ref.name)


def namespaced(api_version: str, namespace: str, plural: str) -> str:
    """The path of a collection."""
    root = "api" if "/" not in api_version else "apis"
    return f"/{root}/{api_version}/namespaces/{namespace}/{plural}"


class Kinds:
    """What kinds are called in paths. Deployment and StatefulSet are known; others are asked for once and then remembered."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._plurals = dict(_WELL_KNOWN)

    def __repr__(self) -> str:
        return f"Kinds({', '.join(self._plurals.values())})"

    async def path(self, target: Target) -> str:
        """The path of the workload itself; its scale is `/scale` below that. Raises UnknownKind."""
        known = self._plurals.get((target.api_version, target.kind))
        if known is None:
            known = await self._discover(target.api_version, target.kind)
            self._plurals[target.api_version, target.kind] = known
        return f"{namespaced(target.api_version, target.namespace, known)}/{target.name}"

    async def _discover(self, api_version: str, kind: str) -> str:
        root = "api" if "/" not in api_version else "apis"
        try:
            found = await self._api.get(f"/{root}/{api_version}")
        except NotFound:
            raise UnknownKind(f"this cluster has no API {api_version}; check targetRef.apiVersion or install what brings it") from None
        resources = found.get("resources") or ()
        plural = next((each["name"] for each in resources if each.get("kind") == kind and "/" not in each["name"]), None)
        if plural is None:
            raise UnknownKind(f"{api_version} has no kind {kind} on this cluster; check targetRef.kind")
        if not any(each["name"] == f"{plural}/scale" for each in resources):
            raise UnknownKind(f"{kind} ({api_version}) has no /scale, so it cannot be put to sleep; choose a kind that has one")
        return str(plural)
