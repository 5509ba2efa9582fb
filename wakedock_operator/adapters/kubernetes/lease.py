"""One operator at a time. It saves work; no safety rests on it (preconditions and fences do that)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import ClientError
from kubernetes.aio.client import V1Lease, V1ObjectMeta
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection import electionconfig
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from wakedock_operator.adapters.kubernetes.client import Api, PatchType, Raw, resource_path
from wakedock_operator.adapters.kubernetes.errors import ApiError

DURATION, RENEW_WITHIN, RETRY = 15, 10, 2
"""Seconds, the defaults of client-go: how long a lease holds, within which time it is renewed, and between two tries."""

log = structlog.get_logger(__name__)


class _Lock(LeaseLock):
    """The library's, but for a mistake of its version 37: it asks for a pretty answer in a way that it refuses itself."""

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        lease = V1Lease(metadata=V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        try:
            await self.api_instance.create_namespaced_lease(namespace, lease)
        except ApiException as error:
            log.warning("the lease cannot be made", lease=f"{namespace}/{name}", error=str(error.reason))
            return False
        return True


@asynccontextmanager
async def holding(api: Api, *, namespace: str, name: str, identity: str) -> AsyncIterator[asyncio.Event]:
    """Wait until this process holds the Lease, then enter; the event is set when it is lost.

    Afterwards it is given back, so that a successor need not wait; where that fails, it runs out by itself. `identity` is like no other's.
    """
    led, lost = asyncio.Event(), asyncio.Event()

    async def started() -> None:
        led.set()

    async def stopped() -> None:
        lost.set()

    lock = _Lock(name, namespace, identity, api.client)

    async def elect() -> None:
        # What the library does not expect ends it: an API server that is away. A lease that was held counts as lost then.
        while not led.is_set():
            try:
                await LeaderElection(electionconfig.Config(lock, DURATION, RENEW_WITHIN, RETRY, started, stopped)).run()
            except (OSError, TimeoutError, ClientError) as error:
                log.warning("the lease cannot be asked for", lease=f"{namespace}/{name}", error=str(error) or type(error).__name__)
                await asyncio.sleep(0 if led.is_set() else RETRY)
        lost.set()

    running = asyncio.create_task(elect(), name="lease")
    try:
        leading = asyncio.create_task(led.wait(), name="leading")
        await asyncio.wait({leading, running}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            leading.cancel()
            running.result()
        log.info("holding the lease", lease=f"{namespace}/{name}", identity=identity)
        yield lost
    finally:
        running.cancel()
        await asyncio.wait({running})
        await _give_back(api, namespace=namespace, name=name, identity=identity)


async def _give_back(api: Api, *, namespace: str, name: str, identity: str) -> None:
    holder = "/spec/holderIdentity"
    change: list[Raw] = [{"op": "test", "path": holder, "value": identity}, {"op": "remove", "path": holder}]
    try:
        await api.patch(resource_path("coordination.k8s.io/v1", "leases", namespace=namespace, name=name), change, kind=PatchType.JSON)
    except ApiError as error:
        log.info("the lease was not given back", lease=f"{namespace}/{name}", error=str(error))
