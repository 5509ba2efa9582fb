"""The shared status in the API server: the status subresource of each WakeService."""

from collections.abc import AsyncIterator
from dataclasses import replace

from wakedock_operator.adapters.kubernetes.catalog import service_path
from wakedock_operator.adapters.kubernetes.client import Api, PatchType, Raw
from wakedock_operator.adapters.kubernetes.errors import Conflict as Refused
from wakedock_operator.adapters.kubernetes.errors import Forbidden, NotFound, Unauthorized, Unavailable
from wakedock_operator.adapters.kubernetes.objects import Seen
from wakedock_operator.adapters.kubernetes.shelf import Shelf
from wakedock_operator.adapters.kubernetes.status import read_status, write_report, write_status
from wakedock_operator.core.status import Report, Status
from wakedock_operator.ports.board import Conflict
from wakedock_operator.resource import API_VERSION, KIND, Key

CONTROLLER = "wakedock-controller"
GATEWAY = "wakedock-gateway-"
"""Field managers. Each gateway has its own: an entry applied by two under one name is deleted by the second."""


class KubernetesBoard:
    """`Board` over the status subresource. Every write has `metadata.resourceVersion` as its precondition.

    So one that comes late, of a process that died or was frozen meanwhile, fails. A call that got no answer raises ApiError (an OSError)
    and may be repeated.
    """

    dies_with_definition = True
    """The status is part of the WakeService."""

    def __init__(self, api: Api, shelf: Shelf) -> None:
        self._api = api
        self._shelf = shelf

    def __repr__(self) -> str:
        return f"<KubernetesBoard {self._shelf!r}>"

    def view(self, key: Key) -> Status | None:
        return self._shelf.status(key)

    async def read(self, key: Key) -> Status | None:
        seen = await self._look(key)
        return None if seen is None else seen.status

    def keys(self) -> frozenset[Key]:
        return self._shelf.keys()

    async def swap(self, key: Key, old: Status | None, new: Status) -> Status:
        seen = self._shelf.seen(key)
        if seen is None or seen.uid != new.uid:
            raise Conflict(f"the WakeService {key} is not the one that was read")
        if old is None and seen.status is not None:
            raise Conflict(f"{key} has a status by now")
        document = write_status(new, generation=seen.generation)
        if new.gateways != (() if old is None else old.gateways):
            document["gateways"] = [write_report(report) for report in new.gateways]
        version = seen.version if old is None else old.version
        body = {"metadata": {"resourceVersion": str(version), "uid": new.uid}, "status": document}
        try:
            answer = await self._api.patch(service_path(key, "status"), body, kind=PatchType.MERGE, manager=CONTROLLER)
        except Refused:
            # Whoever lost reads again; what it decided on may have been its own view, so that is made fresh too.
            await self._look(key)
            raise Conflict(f"the status of {key} changed since it was read") from None
        except NotFound:
            self._shelf.end(key, new.uid)
            raise Conflict(f"the WakeService {key} is gone") from None
        return self._took(answer, new)

    async def report(self, key: Key, uid: str, report: Report) -> Status | None:
        seen = self._shelf.seen(key)
        if seen is None or seen.status is None:
            seen = await self._look(key)
        while seen is not None and seen.uid == uid and (status := seen.status) is not None:
            if status.entry_of(report.gateway) == report:
                return status
            body = {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "metadata": {"name": key.name, "namespace": key.namespace, "resourceVersion": str(seen.version), "uid": uid},
                "status": {"gateways": [write_report(report)]},
            }
            try:
                answer = await self._api.patch(
                    service_path(key, "status"), body, kind=PatchType.APPLY, manager=f"{GATEWAY}{report.gateway}", force=True
                )
            except Refused:
                seen = await self._look(key)
                continue
            except NotFound:
                self._shelf.end(key, uid)
                return None
            except (Forbidden, Unauthorized) as error:
                # Requests may wait for the role to be given back: asked again as soon as after an API server that was away.
                raise Unavailable(str(error), status=error.status, reason=error.reason) from error
            return self._took(answer, status.with_report(report))
        return None

    async def remove(self, key: Key, uid: str) -> None:
        """Nothing: a status goes with its WakeService."""

    def watch(self) -> AsyncIterator[Key]:
        return self._shelf.statuses.follow(self._shelf.keys())

    async def _look(self, key: Key) -> Seen | None:
        """A consistent read of the object, which the shelf learns too."""
        try:
            raw = await self._api.get(service_path(key))
        except NotFound:
            known = self._shelf.seen(key)
            if known is not None:
                self._shelf.end(key, known.uid)
            return None
        self._shelf.learn(raw)
        seen = self._shelf.seen(key)
        return seen if seen is not None and seen.uid == raw["metadata"]["uid"] else None

    def _took(self, answer: Raw, expected: Status) -> Status:
        """What was written, with its version, which the shelf learns too."""
        self._shelf.learn(answer)
        version = int(answer["metadata"]["resourceVersion"])
        return read_status(answer.get("status"), uid=expected.uid, version=version) or replace(expected, version=version)
