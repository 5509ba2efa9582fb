"""`wakedock restore`: every target gets the replicas back that it had, for an uninstallation."""

import asyncio
from contextlib import AsyncExitStack

import structlog

from wakedock_operator.adapters.kubernetes.children.replicas import restore_all
from wakedock_operator.adapters.kubernetes.client import Api, PatchType, resource_path
from wakedock_operator.adapters.kubernetes.errors import NotFound
from wakedock_operator.errors import ExitCode

from .cluster import connected
from .cluster_settings import RestoreSettings

PAUSE = 0.5
"""Seconds between two looks at the operator's pods."""
ENDS_WITHIN = 60.0
"""Seconds after which the operator's pods are not waited for: four times what the kubelet gives them to end. One that is still there is on
a node that does not answer. Its Lease has run out by then, without which it puts nothing to sleep."""
ENDED = frozenset({"Succeeded", "Failed"})
"""Phases of pods whose containers have ended for good, such as evicted ones."""

log = structlog.get_logger(__name__)


def run(settings: RestoreSettings) -> ExitCode:
    """Put everything back; `REFUSED` where some target could not be. Raises ApiError when the API server does not answer."""
    return asyncio.run(_run(settings))


async def _run(settings: RestoreSettings) -> ExitCode:
    async with AsyncExitStack() as closing:
        api = await connected(settings, closing)
        if settings.stop_operator is not None:
            await stop_operator(api, settings.namespace, settings.stop_operator)
        restored = await restore_all(api, settings.watch_namespaces or None)
        for target in restored.targets:
            log.info("replicas put back", target=str(target))
        for target, error in restored.refused.items():
            log.error("replicas cannot be put back: scale it yourself, or allow it and try again", target=str(target), error=str(error))
        log.info("restored", targets=len(restored.targets), refused=len(restored.refused))
    return ExitCode.REFUSED if restored.refused else ExitCode.OK


async def stop_operator(api: Api, namespace: str, name: str, *, within: float = ENDS_WITHIN) -> None:
    """End the operator of that Deployment, which would put the apps to sleep again, and wait so many seconds until its pods are gone."""
    path = resource_path("apps/v1", "deployments", namespace=namespace, name=name, part="scale")
    try:
        scale = await api.patch(path, {"spec": {"replicas": 0}}, kind=PatchType.MERGE)
    except NotFound:
        return
    began = asyncio.get_running_loop().time()
    while running := await _running(api, namespace, scale["status"]["selector"]):
        if asyncio.get_running_loop().time() - began > within:
            log.warning("the operator's pods do not end and are not waited for", pods=running, seconds=within)
            return
        await asyncio.sleep(PAUSE)


async def _running(api: Api, namespace: str, selector: str) -> list[str]:
    pods = await api.read_all(resource_path("v1", "pods", namespace=namespace), labelSelector=selector)
    return [pod["metadata"]["name"] for pod in pods if (pod.get("status") or {}).get("phase") not in ENDED]
