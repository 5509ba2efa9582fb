"""Answers that go on until the client leaves or WakeDock stops."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from wakedock_operator.api.endpoints import PORTS, Endpoint, Parameter
from wakedock_operator.api.ports import Ports
from wakedock_operator.api.problems import MALFORMED, Problem
from wakedock_operator.api.seeing import known, see
from wakedock_operator.ports.changes import Changes
from wakedock_operator.resource import Key

STREAMS: web.AppKey[set[asyncio.Task[object]]] = web.AppKey("streams", set)


@contextmanager
def streaming(request: web.Request) -> Iterator[None]:
    """Within this, the end of the server ends the answer."""
    task = asyncio.current_task()
    streams = request.app[STREAMS]
    if task is not None:
        streams.add(task)
    try:
        yield
    finally:
        if task is not None:
            streams.discard(task)


async def end_streams(app: web.Application) -> None:
    """Called when the server stops."""
    streams = app[STREAMS]
    for task in tuple(streams):
        task.cancel()


async def watch(request: web.Request) -> web.StreamResponse:
    """`GET /api/v1/watch`: each service as it is, then again whenever something about it changed (server-sent events).

    `event: service` carries what `ls` shows; `event: gone` a service that has ended; `event: synced` follows the first round.
    """
    ports, only = request.app[PORTS], _only(request)
    changes: Changes[Key | None] = Changes()
    async with sse_response(request) as response:
        sender = _Sender(ports, response, only)
        with streaming(request):
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_announce_statuses(ports, changes))
                    group.create_task(_announce_definitions(ports, changes))
                    # The iterator follows from its first step on, which comes before the first step of either task.
                    async for key in changes.follow((*known(ports), None)):
                        if key is None:
                            await response.send("{}", event="synced")
                        else:
                            await sender.send(key)
            except* ConnectionError:
                pass  # the client has left
    return response


class _Sender:
    """Sends a service when it looks different from the last time."""

    def __init__(self, ports: Ports, response: EventSourceResponse, only: Key | None) -> None:
        self._ports = ports
        self._response = response
        self._only = only
        self._sent: dict[Key, int] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._only or 'all'}, {len(self._sent)} sent>"

    async def send(self, key: Key) -> None:
        if self._only not in {None, key}:
            return
        view = see(self._ports, key)
        if view is None:
            if self._sent.pop(key, None) is not None:
                await self._response.send(json.dumps({"namespace": key.namespace, "name": key.name}), event="gone")
            return
        text = view.model_dump_json(by_alias=True)
        if self._sent.get(key) != hash(text):
            self._sent[key] = hash(text)
            await self._response.send(text, event="service")


async def _announce_statuses(ports: Ports, changes: Changes[Key | None]) -> None:
    async for key in ports.board.watch():
        changes.announce(key)


async def _announce_definitions(ports: Ports, changes: Changes[Key | None]) -> None:
    before = ports.catalog.current().entries
    async for snapshot in ports.catalog.changes():
        now = snapshot.entries
        changes.announce(*(key for key in before.keys() | now.keys() if before.get(key) != now.get(key)))
        before = now


def _only(request: web.Request) -> Key | None:
    text = request.query.get("service")
    if text is None:
        return None
    try:
        return Key.parse(text)
    except ValueError as error:
        raise Problem(MALFORMED, f"{error}.") from None


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/watch",
        handler=watch,
        summary="Services as they are, then each change, as server-sent events",
        answer="text/event-stream",
        parameters=(Parameter("service", "Only this one: `namespace/name`.", {"type": "string"}),),
        problems=(MALFORMED,),
    ),
)
