"""The output of pods."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from wakedock_operator.adapters.kubernetes.client import Api
from wakedock_operator.adapters.kubernetes.errors import ApiError
from wakedock_operator.adapters.kubernetes.workloads.documents import Document, annotation, metadata, spec, status
from wakedock_operator.adapters.kubernetes.workloads.targets import namespaced

MAX_LINE = 500
NO_LOG = "unable to retrieve container logs"
"""How kubelet begins what it answers, with status 200, in place of a log that is gone."""
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


async def tail(api: Api, pod: Document | None, *, lines: int) -> tuple[str, ...]:
    """The last lines of a pod's main container, oldest first; none without a pod. Raises ApiError."""
    if pod is None:
        return ()
    return tuple((await api.text(_path(pod), container=main_container(pod), tailLines=lines)).splitlines())


async def follow(api: Api, pod: Document, *, lines: int) -> AsyncGenerator[str, None]:
    """The last lines of a pod's main container, then each new one until it ends. Raises ApiError."""
    async with aclosing(api.lines(_path(pod), container=main_container(pod), tailLines=lines, follow="true")) as said:
        async for line in said:
            yield line


async def last_line(api: Api, pod: Document | None) -> str:
    """What the container that crashed said last; empty where nobody can say."""
    crashed = None if pod is None else _crashed(pod)
    if pod is None or crashed is None:
        return ""
    # One that has not been started again yet may be by the time it is asked: then its words are those of the previous one.
    running = "running" in (crashed.get("state") or {})
    for earlier in ({"previous": "true"},) if running else ({}, {"previous": "true"}):
        try:
            text = await api.text(_path(pod), container=str(crashed["name"]), tailLines=1, **earlier)
        except ApiError:
            continue
        if text.strip() and not text.lower().startswith(NO_LOG):
            return text.splitlines()[-1][:MAX_LINE]
    return ""


def main_container(pod: Document) -> str:
    """The container that a pod is asked about: the one that its annotation names, as kubectl has it, else its first."""
    return annotation(pod, DEFAULT_CONTAINER) or str(spec(pod)["containers"][0]["name"])


def _crashed(pod: Document) -> Document | None:
    """The status of the first container that ended where it should not have, in this run or the one before."""
    for kind, may_end in (("initContainerStatuses", True), ("containerStatuses", False)):
        for container in status(pod).get(kind) or ():
            for run in ("state", "lastState"):
                ended = (container.get(run) or {}).get("terminated")
                if ended is not None and not (may_end and ended.get("exitCode") == 0):
                    found: Document = container
                    return found
    return None


def _path(pod: Document) -> str:
    return f"{namespaced('v1', metadata(pod)['namespace'], 'pods')}/{metadata(pod)['name']}/log"
