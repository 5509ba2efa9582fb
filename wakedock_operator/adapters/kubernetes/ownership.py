"""Which WakeService has a workload. Two that put one and the same to sleep would cut each other's requests, so only the first is served."""

from wakedock_operator.adapters.kubernetes.workloads.targets import target_of
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import Key


class Ownership:
    """Of all definitions that name one workload, the one that was first: every process sees the same order."""

    def __init__(self) -> None:
        self._claims: dict[tuple[str, str, str, str], tuple[tuple[int, Key], ...]] = {}

    def __repr__(self) -> str:
        return f"<Ownership of {len(self._claims)} workloads>"

    def claim(self, entry: Entry) -> None:
        """`entry` names its workload."""
        workload = _workload_of(entry)
        self._claims[workload] = tuple(sorted({*self._claims.get(workload, ()), (entry.order, entry.key)}))

    def release(self, entry: Entry) -> None:
        """`entry` names it no more."""
        workload = _workload_of(entry)
        left = tuple(claim for claim in self._claims.get(workload, ()) if claim != (entry.order, entry.key))
        if left:
            self._claims[workload] = left
        else:
            self._claims.pop(workload, None)

    def refusal(self, entry: Entry) -> str | None:
        """Why `entry` is not served: its workload belongs to another one. None where it is its own."""
        claims = self._claims.get(_workload_of(entry), ())
        if not claims or claims[0][1] == entry.key:
            return None
        field = "spec.app" if entry.service.spec.target_ref is None else "spec.targetRef"
        target = target_of(entry.service)
        return (
            f"{field}: {target.kind} {target.name} belongs to the WakeService {claims[0][1].name}, which was first; "
            f"a workload has one WakeService: give that one all of its hosts"
        )


def _workload_of(entry: Entry) -> tuple[str, str, str, str]:
    """Without the version of its API: `apps/v1` and a later one name the same object."""
    target = target_of(entry.service)
    return target.namespace, target.group, target.kind, target.name
