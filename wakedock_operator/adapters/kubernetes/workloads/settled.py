"""Whether the controllers have acted on what is asked of a workload now, and whether a new version is being rolled out."""

from wakedock_operator.adapters.kubernetes.workloads.documents import Document, generation, holds, metadata, spec, status
from wakedock_operator.adapters.kubernetes.workloads.seen import Seen


def settled(seen: Seen) -> bool:
    """Nothing that was decided earlier is still to be started or stopped.

    A Deployment: its generation and those of its ReplicaSets were observed, and their replicas add up to its own, or to more while a new
    version is rolled out. A pod that a ReplicaSet ends for an earlier count shows its `deletionTimestamp` before that ReplicaSet says that
    it observed a later one, and pods are read last. Other kinds: the generation was observed, where the kind tells, and there are as many
    pods as asked for, none terminating.
    """
    if not _observed(seen.workload):
        return False
    if seen.target.is_deployment:
        counts = [int(spec(each).get("replicas", 0)) for each in seen.replica_sets]
        adds_up = sum(counts) == seen.desired or (sum(counts) > seen.desired and _older_one_runs(seen))
        return adds_up and all(_observed(each) for each in seen.replica_sets)
    return len(seen.pods) == seen.desired and not any(terminating(pod) for pod in seen.pods)


def rolling(seen: Seen) -> bool:
    """A rollout is under way and some pod is ready: a sleep would end what still serves."""
    if seen.desired == 0 or not any(ready(pod) and not terminating(pod) for pod in seen.pods):
        return False
    if seen.target.is_deployment:
        return _older_one_runs(seen) or not _observed(seen.workload)
    if seen.target.is_stateful_set:
        return _rolls_by_itself(seen.workload) and status(seen.workload).get("updateRevision") != status(seen.workload).get(
            "currentRevision"
        )
    return False


def _older_one_runs(seen: Seen) -> bool:
    return any(int(spec(each).get("replicas", 0)) > 0 for each in seen.replica_sets[1:])


def ready(pod: Document) -> bool:
    """The pod's own condition Ready."""
    return holds(pod, "Ready")


def terminating(pod: Document) -> bool:
    """Whether the pod is on its way out."""
    return bool(metadata(pod).get("deletionTimestamp"))


def _observed(document: Document) -> bool:
    asked, observed = generation(document), status(document).get("observedGeneration")
    if observed is None:
        # Kinds without the field cannot tell; those of `apps` have it once their controller has seen the object.
        return str(document.get("apiVersion", "apps/")).partition("/")[0] != "apps"
    return asked is None or int(observed) >= asked


def _rolls_by_itself(stateful_set: Document) -> bool:
    strategy = spec(stateful_set).get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return False
    return not (strategy.get("rollingUpdate") or {}).get("partition")
