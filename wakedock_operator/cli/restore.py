"""`wakedock restore`: every target gets the replicas back that it had, for an uninstallation."""

import asyncio
from contextlib import AsyncExitStack

import structlog

from wakedock_operator.adapters.kubernetes.children.restoring import EVERYWHERE, restore_all
from wakedock_operator.adapters.kubernetes.client import Api, PatchType, resource_path
from wakedock_operator.adapters.kubernetes.errors import ApiError, NotFound
from wakedock_operator.errors import ExitCode, NotRestored, NotRunning

from .cluster import connected
from .cluster_settings import RestoreSettings

PATIENCE = 40.0
"""Seconds until nobody waits for the operator any more: it has 15 to end, and the Job of the chart has 240 with all its tries."""
PAUSE = 0.5
MAY_RUN = "status.phase!=Succeeded,status.phase!=Failed"

log = structlog.get_logger(__name__)


def run(settings: RestoreSettings) -> int:
    """Put everything back. Raises NotRestored where that is refused for some, NotRunning where the operator cannot be stopped."""
    asyncio.run(restored(settings))
    return ExitCode.OK


async def restored(settings: RestoreSettings) -> None:
    """What `run` does, in a loop that runs."""
    async with AsyncExitStack() as closing:
        api = await connected(settings, closing)
        if settings.stop_operator is not None:
            await _stop(api, settings.namespace, settings.stop_operator)
        restoration = await restore_all(api, settings.watch_namespaces or (EVERYWHERE,))
    for target in restoration.scaled:
        log.info("replicas put back", target=str(target))
    log.info("restored", targets=len(restoration.scaled), failed=len(restoration.failed))
    if restoration.failed:
        refused = "\n".join(f"{what} could not be put back: {why}" for what, why in restoration.failed.items())
        raise NotRestored(f"{refused}\nput right what refuses it and restore again: the counts are kept until then")


async def _stop(api: Api, namespace: str, name: str) -> None:
    """End the operator, which would put the apps to sleep again, and wait until it is gone, or for as long as it may be waited for."""
    try:
        scale = resource_path("apps/v1", "deployments", namespace=namespace, name=name, part="scale")
        stopped = await api.patch(scale, {"spec": {"replicas": 0}}, kind=PatchType.MERGE)
    except NotFound:
        return
    except ApiError as error:
        raise NotRunning(f"the operator cannot be stopped, so nothing was put back: {error}") from None
    pods = resource_path("v1", "pods", namespace=namespace)
    left = ["not known"]
    try:
        async with asyncio.timeout(PATIENCE):
            while left := await _left(api, pods, stopped["status"]["selector"]):  # noqa: ASYNC110 - the kubelet ends it
                await asyncio.sleep(PAUSE)
    except TimeoutError:
        # Its Lease would not tell more: one on a lost node that still reaches the API server renews it, and loses its roles in a moment.
        log.warning(
            "the operator has not ended; putting back all the same. If it still runs, as it may on a node that is lost, it can put an app "
            "to sleep once more: restore again when its roles are gone",
            waited=PATIENCE,
            pods=left,
        )


async def _left(api: Api, path: str, selector: str) -> list[str]:
    """The pods that run or may run, or why they are not known. An evicted one does not, and stays until somebody deletes it."""
    try:
        found = await api.read_all(path, labelSelector=selector, fieldSelector=MAY_RUN)
    except ApiError as error:
        return [str(error)]
    return [each["metadata"]["name"] for each in found]
