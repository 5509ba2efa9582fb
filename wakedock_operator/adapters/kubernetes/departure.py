"""How a gateway leaves: its Caddy is asked to stop only after nobody sends new requests any more and what is in flight has ended."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog
from watchfiles import awatch

from wakedock_operator.adapters.kubernetes.callers.slices import API, MANAGED_BY, MANAGER, PLURAL
from wakedock_operator.adapters.kubernetes.client import Api, resource_path
from wakedock_operator.adapters.kubernetes.errors import ApiError, Forbidden, Unauthorized
from wakedock_operator.ports.edge import EdgeUnavailable

STOPPING, DRAINED = "stopping", "drained"
"""Files in the runtime directory: Caddy's pre-stop hook makes the first and waits for the second."""
LAG = 2.0
"""Seconds for which nodes may still send requests here after no slice lists this pod as ready: kube-proxy writes its rules each second."""
PAUSE = 0.2
UNKNOWN = 2.0
"""Seconds after an answer that says nothing."""

log = structlog.get_logger(__name__)


class Departure:
    """Says `drained` when the pod may end. Nothing bounds it here: the hook stops waiting when its time is over."""

    def __init__(
        self,
        api: Api,
        *,
        namespace: str,
        callers_in: Sequence[str | None],
        pod: str,
        runtime: Path,
        carried: Callable[[], Awaitable[int]],
    ) -> None:
        """`namespace` is that of the gateways' own Service; `callers_in` those with Services for callers, None for the whole cluster."""
        self._api = api
        self._namespace = namespace
        self._callers_in = callers_in
        self._pod = pod
        self._runtime = runtime
        self._carried = carried

    async def run(self) -> None:
        """Wait for the hook, then for the slices, then for what is in flight."""
        (self._runtime / DRAINED).unlink(missing_ok=True)
        await self._asked()
        log.info("this gateway is to end: waiting until nothing is sent here any more", pod=self._pod)
        await _while(self._listed)
        await asyncio.sleep(LAG)
        await _while(self._busy)
        (self._runtime / DRAINED).touch()
        log.info("drained", pod=self._pod)

    async def _asked(self) -> None:
        stopping = self._runtime / STOPPING
        async for _ in awatch(self._runtime, recursive=False, step=100, yield_on_timeout=True, rust_timeout=1000):
            if stopping.exists():
                return

    async def _listed(self) -> bool:
        """Whether a slice of any Service says that this pod takes requests. Unknown counts as listed."""
        try:
            slices = await self._api.read_all(resource_path(API, PLURAL, namespace=self._namespace))
            for namespace in self._callers_in:
                path = resource_path(API, PLURAL, namespace=namespace)
                slices += await self._api.read_all(path, labelSelector=f"{MANAGED_BY}={MANAGER}")
        except (Forbidden, Unauthorized) as error:
            # As in an uninstallation, which takes the roles away first: no time will bring the answer.
            log.warning("the slices may not be read: nothing is known of who sends requests here", error=str(error))
            await asyncio.sleep(UNKNOWN)
            return False
        except ApiError as error:
            log.warning("the slices cannot be read; asking again", error=str(error))
            await asyncio.sleep(UNKNOWN - PAUSE)
            return True
        return any(self._ready_here(endpoint) for found in slices for endpoint in found.get("endpoints") or [])

    def _ready_here(self, endpoint: dict[str, object]) -> bool:
        target, conditions = endpoint.get("targetRef"), endpoint.get("conditions")
        here = isinstance(target, dict) and target.get("kind") == "Pod" and target.get("name") == self._pod
        return here and not (isinstance(conditions, dict) and conditions.get("ready") is False)

    async def _busy(self) -> bool:
        try:
            return await self._carried() > 0
        except EdgeUnavailable:
            return False  # Caddy has ended: nothing is carried


async def _while(holds: Callable[[], Awaitable[bool]]) -> None:
    while await holds():  # noqa: ASYNC110 - what is asked about is in other processes
        await asyncio.sleep(PAUSE)
