"""List, then watch: the way to know all objects of a kind, through everything that an API server does to its clients."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar, cast

import structlog

from wakedock_operator.adapters.kubernetes.client import Api, Raw
from wakedock_operator.adapters.kubernetes.errors import ApiError, Gone

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 0.8
"""Seconds between two tries while there is no answer; the longer one keeps the return of an API server from being missed for a second."""
WATCH_SECONDS = (240, 300)
"""How long one watch lasts, by chance in between: clients that started together do not come back together."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Watching(Generic[T]):
    """Feeds `put`, `drop` and `replace_all` with the objects at `path`. An API server that does not answer is unknown, not empty.

    `read` takes of each object what is needed, so that a list of many is not held as a whole; by default that is all of it.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        *,
        put: Callable[[T], None],
        drop: Callable[[T], None],
        replace_all: Callable[[Iterable[T]], None],
        read: Callable[[Raw], T] | None = None,
        selector: str = "",
    ) -> None:
        self._api = api
        self._path = path
        self._put = put
        self._drop = drop
        self._replace_all = replace_all
        self._read = read or cast("Callable[[Raw], T]", _whole)
        self._query = {"labelSelector": selector} if selector else {}
        self._version = ""
        self._told = False
        """The present watch has told something."""
        self.failing = False
        """The last thing that was asked was refused, or not answered."""
        self.synced = asyncio.Event()
        """Set after the first list."""
        self.last_heard = time.monotonic()
        """When the API server said something last, bookmarks included; monotonic clock."""

    def __repr__(self) -> str:
        return f"<Watching {self._path} at {self._version or 'nothing'}>"

    @property
    def shown(self) -> int:
        """The version up to which everything was shown; 0 for nothing."""
        return int(self._version or 0)

    async def run(self) -> None:
        """Follow until cancelled. Where nothing is told, whatever the reason, tries are a while apart."""
        pause = FIRST_PAUSE
        while True:
            self._told = False
            try:
                if not self._version:
                    await self._list()
                await self._follow()
                if self._told:
                    pause = FIRST_PAUSE
                    continue
            except Gone:
                self._version = ""
            except ApiError as error:
                self.failing = True
                log.warning("the watch broke off", path=self._path, error=str(error))
            if self._told:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads clients, keeps no secret
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _list(self) -> None:
        found: list[T] = []
        version = ""
        async for page, moment in self._api.pages(self._path, **self._query):
            found += map(self._read, page)
            version = moment
        self.last_heard = time.monotonic()
        self._replace_all(found)
        self._version = version
        self.failing = False
        self.synced.set()

    async def _follow(self) -> None:
        seconds = random.randint(*WATCH_SECONDS)  # noqa: S311 - as above
        async for kind, raw in self._api.watch(self._path, version=self._version, seconds=seconds, **self._query):
            self.last_heard = time.monotonic()
            self._told = True
            self.failing = False
            if kind == "DELETED":
                self._drop(self._read(raw))
            elif kind != "BOOKMARK":
                self._put(self._read(raw))
            self._version = str(raw["metadata"]["resourceVersion"])


def _whole(raw: Raw) -> Raw:
    return raw
