"""Definitions and wishes from WakeServices in the API server."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from wakedock_operator.adapters.kubernetes.client import Api, PatchType, resource_path
from wakedock_operator.adapters.kubernetes.errors import NotFound
from wakedock_operator.adapters.kubernetes.objects import KEEP_AWAKE_UNTIL, SLEEP, WAKE
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.ports.catalog import Snapshot, Wishes
from wakedock_operator.resource import API_VERSION, Key

PLURAL = "wakeservices"


def service_path(key: Key, part: str | None = None) -> str:
    """Where a WakeService is."""
    return resource_path(API_VERSION, PLURAL, namespace=key.namespace, name=key.name, part=part)


class KubernetesCatalog:
    """`Catalog` over a shelf that somebody feeds. Wishes are annotations, so that kubectl can ask as well."""

    def __init__(self, api: Api, shelf: Shelf) -> None:
        self._api = api
        self._shelf = shelf

    def __repr__(self) -> str:
        return f"<KubernetesCatalog {self._shelf!r}>"

    def current(self) -> Snapshot:
        return self._shelf.snapshot()

    async def changes(self) -> AsyncGenerator[Snapshot, None]:
        async for _ in self._shelf.definitions.follow((None,)):
            yield self.current()

    async def ask(
        self, key: Key, *, wake: str | None = None, sleep: str | None = None, keep_awake_until: datetime | None = None, unpin: bool = False
    ) -> Wishes:
        """Annotate the WakeService. Raises KeyError for an unknown one, ApiError (an OSError) when it cannot be annotated."""
        if keep_awake_until is not None and keep_awake_until.tzinfo is None:
            raise ValueError("keep_awake_until needs a time zone")
        annotations: dict[str, Any] = {}
        if wake is not None:
            annotations[WAKE] = wake
        if sleep is not None:
            annotations[SLEEP] = sleep
        if keep_awake_until is not None or unpin:
            annotations[KEEP_AWAKE_UNTIL] = None if unpin or keep_awake_until is None else keep_awake_until.astimezone(UTC).isoformat()
        if self._shelf.seen(key) is None:
            raise KeyError(key)
        try:
            answer = await self._api.patch(service_path(key), {"metadata": {"annotations": annotations}}, kind=PatchType.MERGE)
        except NotFound:
            raise KeyError(key) from None
        self._shelf.learn(answer)
        seen = self._shelf.seen(key)
        if seen is None or seen.entry is None:
            raise KeyError(key)
        return seen.entry.wishes

    async def forget(self, key: Key, uid: str) -> None:
        """Nothing is remembered beyond the object itself."""
