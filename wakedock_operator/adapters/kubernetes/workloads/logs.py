"""The output of pods."""

from wakedock_operator.adapters.kubernetes.client import Api
from wakedock_operator.adapters.kubernetes.errors import ApiError
from wakedock_operator.adapters.kubernetes.workloads.documents import Document, metadata
from wakedock_operator.adapters.kubernetes.workloads.targets import namespaced

MAX_LINE = 500


async def tail(api: Api, pod: Document | None, *, lines: int, previous: bool = False) -> tuple[str, ...]:
    """The last lines of a pod, oldest first; none without a pod. Raises ApiError."""
    if pod is None:
        return ()
    path = f"{namespaced('v1', metadata(pod)['namespace'], 'pods')}/{metadata(pod)['name']}/log"
    text = await api.text(path, tailLines=lines, **({"previous": "true"} if previous else {}))
    return tuple(text.splitlines())


async def last_line(api: Api, pod: Document | None) -> str:
    """What a container said last before it ended; empty where nobody can say."""
    for previous in (True, False):
        try:
            said = await tail(api, pod, lines=1, previous=previous)
        except ApiError:
            continue
        if said:
            return said[-1][:MAX_LINE]
    return ""
