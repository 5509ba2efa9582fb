"""The output of pods."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from wakedock_operator.adapters.kubernetes.client import Api
from wakedock_operator.adapters.kubernetes.errors import ApiError
from wakedock_operator.adapters.kubernetes.workloads.documents import Document, metadata
from wakedock_operator.adapters.kubernetes.workloads.targets import namespaced

MAX_LINE = 500


async def tail(api: Api, pod: Document | None, *, lines: int, previous: bool = False) -> tuple[str, ...]:
    """The last lines of a pod, oldest first; none without a pod. Raises ApiError."""
    if pod is None:
        return ()
    text = await api.text(_path(pod), tailLines=lines, **({"previous": "true"} if previous else {}))
    return tuple(text.splitlines())


async def follow(api: Api, pod: Document, *, lines: int) -> AsyncGenerator[str, None]:
    """The last lines of a pod, then each new one until its container ends. Raises ApiError."""
    async with aclosing(api.lines(_path(pod), tailLines=lines, follow="true")) as said:
        async for line in said:
            yield line


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


def _path(pod: Document) -> str:
    return f"{namespaced('v1', metadata(pod)['namespace'], 'pods')}/{metadata(pod)['name']}/log"
