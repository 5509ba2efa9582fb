"""Writes to `/scale`, each with a precondition: the only thing that WakeDock changes on a workload."""

import secrets

from wakedock_operator.adapters.kubernetes.client import Api, PatchType
from wakedock_operator.adapters.kubernetes.errors import Conflict
from wakedock_operator.adapters.kubernetes.workloads.documents import spec, version
from wakedock_operator.adapters.kubernetes.workloads.managed_fields import FENCE, SCALE


async def scale(api: Api, path: str, *, to: int, when: str) -> None:
    """Set the replicas of the workload at `path` if its version is still `when`. Raises Conflict, NotFound, Forbidden, Invalid."""
    body = {"metadata": {"resourceVersion": when}, "spec": {"replicas": to}}
    await api.patch(f"{path}/scale", body, kind=PatchType.MERGE, manager=SCALE)


async def start(api: Api, path: str, count: int) -> bool:
    """Scale from zero to `count`; False when somebody did that already. Raises NotFound, Forbidden, Invalid."""
    while True:
        now = await api.get(f"{path}/scale")
        if int(spec(now).get("replicas", 0)) > 0:
            return False
        try:
            await scale(api, path, to=count, when=version(now))
        except Conflict:
            continue
        return True


async def fence(api: Api, path: str) -> None:
    """Move the version of a workload above zero: every stop that was decided on an older one conflicts. Raises NotFound, Forbidden.

    The count that stands is applied under a name that nobody has used: this changes who manages the field, and nothing else. At zero there
    is nothing to do: a stop changes nothing there, and the start that follows moves the version.
    """
    while True:
        now = await api.get(f"{path}/scale")
        replicas = int(spec(now).get("replicas", 0))
        if replicas == 0:
            return
        names = {name: now["metadata"][name] for name in ("name", "namespace")}
        body = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": names, "spec": {"replicas": replicas}}
        try:
            await api.patch(f"{path}/scale", body, kind=PatchType.APPLY, manager=f"{FENCE}{secrets.token_hex(4)}")
        except Conflict:
            continue
        return
