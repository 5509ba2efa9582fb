"""`wakedock restore`: every target gets the replicas back that it had, for an uninstallation."""

import asyncio
from contextlib import AsyncExitStack

import structlog

from wakedock_operator.adapters.kubernetes.children.replicas import restore_all
from wakedock_operator.adapters.kubernetes.client import Api, PatchType, resource_path
from wakedock_operator.adapters.kubernetes.errors import NotFound

from .cluster import connected
from .cluster_settings import RestoreSettings

PAUSE = 0.5
OPERATORS = "app.kubernetes.io/component=operator"

log = structlog.get_logger(__name__)


def run(settings: RestoreSettings) -> int:
    """Put everything back. Raises ApiError when the API server does not answer or does not allow it."""
    return asyncio.run(_run(settings))


async def _run(settings: RestoreSettings) -> int:
    async with AsyncExitStack() as closing:
        api = await connected(settings, closing)
        if settings.stop_operator is not None:
            await _stop(api, settings.namespace, settings.stop_operator)
        restored = await restore_all(api, settings.watch_namespaces or None)
        for target in restored:
            log.info("replicas put back", target=str(target))
        log.info("restored", targets=len(restored))
    return 0


async def _stop(api: Api, namespace: str, name: str) -> None:
    """End the operator, which would put the apps to sleep again, and wait until it is gone."""
    try:
        path = resource_path("apps/v1", "deployments", namespace=namespace, name=name, part="scale")
        await api.patch(path, {"spec": {"replicas": 0}}, kind=PatchType.MERGE)
    except NotFound:
        return
    pods = resource_path("v1", "pods", namespace=namespace)
    while await api.read_all(pods, labelSelector=OPERATORS):  # noqa: ASYNC110 - the kubelet ends it
        await asyncio.sleep(PAUSE)
