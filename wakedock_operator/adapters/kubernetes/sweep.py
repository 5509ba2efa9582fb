"""Looks, seldom, whether what kopf showed is what there is: kopf does not tell what was deleted while its watch was broken."""

import asyncio
import time
from collections.abc import Callable

import structlog

from wakedock_operator.adapters.kubernetes.client import Api
from wakedock_operator.adapters.kubernetes.errors import ApiError
from wakedock_operator.adapters.kubernetes.shelf import Shelf

INTERVAL = 60.0
"""Seconds between two looks."""
STALE = 30.0
"""Seconds within which a change must have been shown by the watch."""

log = structlog.get_logger(__name__)


class Sweep:
    """Lists all WakeServices consistently and compares. What is gone is dropped; what was not shown in time makes the process unwell."""

    def __init__(self, api: Api, paths: tuple[str, ...], shelf: Shelf, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._paths = paths
        self._shelf = shelf
        self._monotonic = monotonic
        self._behind_since: dict[str, tuple[int, float]] = {}
        self.stale = False
        """The watch does not show what the API server has, while that answers."""

    def __repr__(self) -> str:
        return f"<Sweep {len(self._behind_since)} behind{', stale' if self.stale else ''}>"

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.once()
            except ApiError as error:
                log.warning("the WakeServices cannot be listed", error=str(error))

    async def once(self) -> None:
        """One look. Raises ApiError."""
        known = self._shelf.versions()
        there: dict[str, int] = {}
        for path in self._paths:
            async for page, _ in self._api.pages(path):
                there |= {raw["metadata"]["uid"]: int(raw["metadata"]["resourceVersion"]) for raw in page}
        gone = known.keys() - there.keys()
        if gone:
            self._shelf.forget(gone)
        now = self._monotonic()
        behind = {uid: version for uid, version in there.items() if self._shelf.versions().get(uid, 0) < version}
        self._behind_since = {
            uid: before if (before := self._behind_since.get(uid)) is not None else (version, now) for uid, version in behind.items()
        }
        self.stale = any(now - since > STALE for _, since in self._behind_since.values())
        if self.stale:
            log.error("the watch is stale: changes were not shown in time", services=len(behind))
