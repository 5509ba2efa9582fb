"""Which ports were given, for the operator that comes next: some belonged to services that are gone by then."""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime

from wakedock_operator.adapters.kubernetes.client import Api, PatchType, resource_path
from wakedock_operator.adapters.kubernetes.errors import Conflict, NotFound
from wakedock_operator.adapters.kubernetes.workloads.managed_fields import OPERATOR

GIVEN = "given"
"""What the record says of a port that somebody has; of others, until when they rest (RFC 3339)."""


class PortRecord:
    """A ConfigMap with an entry for each port. Times are seconds since the epoch; every method raises ApiError."""

    def __init__(self, api: Api, *, namespace: str, name: str) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        self._unwritten: dict[int, str | None] = {}
        self._writing = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<PortRecord {self._namespace}/{self._name}, {len(self._unwritten)} unwritten>"

    async def read(self) -> dict[int, float | None]:
        """Until when each port rests; None for one that was given, or of which nobody can tell."""
        try:
            found = await self._api.get(self._path(self._name))
        except NotFound:
            return {}
        return {int(port): _until(said) for port, said in (found.get("data") or {}).items() if port.isdecimal()}

    async def given(self, *ports: int) -> None:
        """Somebody has these ports. What several ask for at the same time is one write."""
        await self._write(dict.fromkeys(ports, GIVEN))

    async def rests(self, port: int, until: float) -> None:
        """Nobody may have it until then."""
        await self._write({port: datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds")})

    async def forget(self, *ports: int) -> None:
        """Anybody may have these ports."""
        await self._write(dict.fromkeys(ports))

    async def _write(self, entries: Mapping[int, str | None]) -> None:
        self._unwritten |= entries
        async with self._writing:
            entries, self._unwritten = self._unwritten, {}
            if not entries:
                return
            try:
                await self._patch({str(port): said for port, said in entries.items()})
            except BaseException:
                self._unwritten = dict(entries) | self._unwritten
                raise

    async def _patch(self, data: Mapping[str, str | None]) -> None:
        while True:
            try:
                await self._api.patch(self._path(self._name), {"data": data}, kind=PatchType.MERGE, manager=OPERATOR)
            except NotFound:
                await self._create()
            else:
                return

    async def _create(self) -> None:
        labels = {"app.kubernetes.io/managed-by": "wakedock"}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self._name, "labels": labels}}
        with contextlib.suppress(Conflict):
            await self._api.create(self._path(None), body, fieldManager=OPERATOR)

    def _path(self, name: str | None) -> str:
        return resource_path("v1", "configmaps", namespace=self._namespace, name=name)


def _until(said: str) -> float | None:
    try:
        return datetime.fromisoformat(said).timestamp()
    except ValueError:
        return None
