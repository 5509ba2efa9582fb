"""One consistent look at a workload, as the API server showed it: read in the order in which the controllers act."""

from dataclasses import dataclass

from wakedock_operator.adapters.kubernetes.client import Api
from wakedock_operator.adapters.kubernetes.errors import NotFound
from wakedock_operator.adapters.kubernetes.workloads import selectors
from wakedock_operator.adapters.kubernetes.workloads.documents import Document, annotation, controlled_by, metadata, spec, status, uid
from wakedock_operator.adapters.kubernetes.workloads.targets import APPS, Kinds, Target, UnknownKind, namespaced

REVISION = "deployment.kubernetes.io/revision"
FINISHED = frozenset({"Failed", "Succeeded"})


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read. Evicted and completed pods are left out: they will never run again."""

    target: Target
    workload: Document
    desired: int
    replica_sets: tuple[Document, ...] = ()
    """Of a Deployment: its own ones, newest first."""
    pods: tuple[Document, ...] = ()
    selector: str = ""
    """How its pods are found, as `labelSelector`; empty where they cannot be."""

    @property
    def newest(self) -> tuple[Document, ...]:
        """The pods to which requests may go: of a Deployment those of its newest ReplicaSet."""
        if not self.target.is_deployment:
            return self.pods
        return tuple(pod for pod in self.pods if controlled_by(pod, (uid(each) for each in self.replica_sets[:1])))


class Missing(Exception):
    """There is no such workload. The message says which and what to do."""


async def look(api: Api, kinds: Kinds, target: Target) -> Seen:
    """Read the workload, its ReplicaSets, then its pods. Raises Missing."""
    try:
        path = await kinds.path(target)
        workload = await api.get(path)
        if target.is_deployment:
            return await _look_at_deployment(api, target, workload)
        if target.is_stateful_set:
            desired, selector = int(spec(workload).get("replicas", 1)), selectors.query(spec(workload)["selector"])
        else:
            scale = await api.get(f"{path}/scale")
            desired, selector = int(spec(scale).get("replicas", 0)), str(status(scale).get("selector", ""))
    except UnknownKind as unknown:
        raise Missing(str(unknown)) from None
    except NotFound:
        raise Missing(f"{target} does not exist; create it or change targetRef") from None
    pods = await _pods(api, target, selector)
    if target.is_stateful_set:
        pods = tuple(pod for pod in pods if controlled_by(pod, [uid(workload)]))
    return Seen(target, workload, desired, pods=pods, selector=selector)


async def _look_at_deployment(api: Api, target: Target, workload: Document) -> Seen:
    selector = selectors.query(spec(workload)["selector"])
    listed = await api.read_all(namespaced(APPS, target.namespace, "replicasets"), labelSelector=selector)
    own = sorted((each for each in listed if controlled_by(each, [uid(workload)])), key=_age, reverse=True)
    pods = await _pods(api, target, selector)
    owners = [uid(each) for each in own]
    return Seen(
        target,
        workload,
        int(spec(workload).get("replicas", 1)),
        replica_sets=tuple(own),
        pods=tuple(pod for pod in pods if controlled_by(pod, owners)),
        selector=selector,
    )


def _age(replica_set: Document) -> tuple[int, str]:
    """A rollback makes an old ReplicaSet the newest again: the revision counts, not the time."""
    revision = annotation(replica_set, REVISION)
    return (int(revision) if revision.isdecimal() else 0, str(metadata(replica_set).get("creationTimestamp", "")))


async def _pods(api: Api, target: Target, selector: str) -> tuple[Document, ...]:
    if not selector:
        # An empty selector would match every pod of the namespace.
        return ()
    listed = await api.read_all(namespaced("v1", target.namespace, "pods"), labelSelector=selector)
    return tuple(pod for pod in listed if status(pod).get("phase") not in FINISHED)
