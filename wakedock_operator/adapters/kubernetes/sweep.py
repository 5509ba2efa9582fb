"""Looks, seldom, whether what the watches showed is what there is.

A watch may be dead without a word, and kopf does not tell what was deleted while one of its watches was broken.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import structlog

from wakedock_operator.adapters.kubernetes.client import Api, resource_path
from wakedock_operator.adapters.kubernetes.errors import ApiError, NotFound

INTERVAL = 60.0
"""Seconds between two looks."""
STALE = 30.0
"""Seconds within which a change must have been shown by the watch."""

log = structlog.get_logger(__name__)


def _no_uids() -> AbstractSet[str]:
    return frozenset()


def _nothing(uids: Iterable[str]) -> None:
    """Nobody remembers what is gone."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One watch, and what is known through it."""

    name: str
    """Of the kind, in metrics and logs."""
    resource: str
    """`PLURAL.GROUP`, or `PLURAL` in the core group."""
    shown: Callable[[str], int]
    """Up to which version the object with a uid was shown; 0 for none."""
    namespaces: Sequence[str | None] = (None,)
    """Where; None for the whole cluster."""
    selector: str = ""
    known: Callable[[], AbstractSet[str]] = _no_uids
    """The uids of what is taken to be there."""
    forget: Callable[[Iterable[str]], None] = _nothing
    """Called with uids that are known but gone."""
    api_version: str = ""
    """`GROUP/VERSION` where it is known. Else it is asked for, and a group that is not found says nothing about its objects: an API server
    that has just started may not have found all of them yet."""


class Sweep:
    """Lists everything that is watched, consistently, and compares.

    What is gone is forgotten; a watch that does not show in time what there is makes the process unwell. A kind that the cluster does not
    have is not watched either: what was known of it went with its definition.
    """

    def __init__(self, api: Api, watches: Sequence[Watched], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._monotonic = monotonic
        self._behind: dict[Watched, dict[str, tuple[int, float]]] = {watched: {} for watched in watches}
        """What was not shown yet, by uid: the version that was missing first, and since when."""
        self._api_versions: dict[str, str] = {"": "v1"}
        self.stale: tuple[str, ...] = ()
        """The kinds whose watch did not show, at the last look, what the API server had, while that answered."""

    def __repr__(self) -> str:
        return f"<Sweep of {len(self._behind)} watches{''.join(f', {name} stale' for name in self.stale)}>"

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.once()

    async def once(self) -> None:
        """One look at each kind. What cannot be listed is unknown, and so is whether its watch is behind."""
        for watched in self._behind:
            try:
                await self._look(watched)
            except NotFound:
                if watched.api_version:
                    watched.forget({*watched.known()})
                self._behind[watched] = {}
                self._api_versions.pop(_group(watched), None)
            except ApiError as error:
                self._behind[watched] = {}
                log.warning("what is watched cannot be listed", resource=watched.name, error=str(error))
        late = self._monotonic() - STALE
        self.stale = tuple(
            dict.fromkeys(watched.name for watched, behind in self._behind.items() if any(since < late for _, since in behind.values()))
        )
        if self.stale:
            log.error("a watch is stale: changes were not shown in time", resources=self.stale)

    async def _look(self, watched: Watched) -> None:
        known = {*watched.known()}
        there: dict[str, int] = {}
        query = {"labelSelector": watched.selector} if watched.selector else {}
        for namespace in watched.namespaces:
            api_version = watched.api_version or await self._api_version(_group(watched))
            path = resource_path(api_version, watched.resource.partition(".")[0], namespace=namespace)
            async for page, _ in self._api.metadata_pages(path, **query):
                there |= {raw["metadata"]["uid"]: int(raw["metadata"]["resourceVersion"]) for raw in page}
        gone = known - there.keys()
        if gone:
            watched.forget(gone)
        before, now = self._behind[watched], self._monotonic()
        behind: dict[str, tuple[int, float]] = {}
        for uid, version in there.items():
            shown = watched.shown(uid)
            missing, since = before.get(uid, (version, now))
            if shown < missing:
                behind[uid] = missing, since
            elif shown < version:
                behind[uid] = version, now
        self._behind[watched] = behind

    async def _api_version(self, group: str) -> str:
        if group not in self._api_versions:
            found = await self._api.get(f"/apis/{group}")
            self._api_versions[group] = str(found["preferredVersion"]["groupVersion"])
        return self._api_versions[group]


def _group(watched: Watched) -> str:
    return watched.resource.partition(".")[2]
