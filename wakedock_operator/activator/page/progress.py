"""`/.wakedock/progress`: how far a wake has come, as server-sent events or as one JSON document. Watching wakes nothing."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from aiohttp import web
from aiohttp_sse import sse_response

from wakedock_operator.activator.hold_request import read_service
from wakedock_operator.activator.page.choice import accepts
from wakedock_operator.activator.problems import REFUSALS, TOO_MANY_WATCHERS, problem_response, retry_after
from wakedock_operator.activator.questions import Gatekeeper, Phase, Progress, RefusalReason
from wakedock_operator.resource import Key

URL = "/.wakedock/progress"
WAKING = frozenset({Phase.ASKED, Phase.DEPENDENCIES, Phase.STARTING, Phase.STARTED})
ENDED = frozenset({Phase.READY, Phase.FAILED, Phase.SUSPENDED})
HEARTBEAT = 1.0
MAX_STREAMS = 2000
"""Visitors who watch at once. One more is told to load the page again later; the wake does not depend on it."""
RECONNECT = 2000
"""Milliseconds after which a browser connects again when the stream broke."""


def document(progress: Progress) -> str:
    """The JSON of one progress: phase, seconds elapsed, seconds of a typical wake or null, class of the failure or null."""
    return json.dumps(
        {
            "phase": progress.phase.value,
            "elapsed": round(progress.elapsed, 3),
            "typical": None if progress.typical is None else round(progress.typical, 3),
            "failure": None if progress.failure is None else progress.failure.value,
        }
    )


async def events(
    gatekeeper: Gatekeeper, key: Key, *, closing: asyncio.Event, heartbeat: float = HEARTBEAT
) -> AsyncGenerator[tuple[str, Progress], None]:
    """Yield `phase` with the present phase and each change, and `heartbeat` each `heartbeat` seconds while the app wakes.

    Ends after a phase that ends the wait, or when the server is `closing`.
    """
    changes = gatekeeper.follow(key)
    closed = asyncio.ensure_future(closing.wait())
    change = asyncio.ensure_future(anext(changes))
    last: Progress | None = None
    try:
        while not closed.done():
            waking = last is not None and last.phase in WAKING
            await asyncio.wait({change, closed}, timeout=heartbeat if waking else None, return_when=asyncio.FIRST_COMPLETED)
            if not change.done():
                if waking and not closed.done():
                    yield "heartbeat", gatekeeper.progress(key)
                continue
            try:
                progress = change.result()
            except StopAsyncIteration:
                return
            if last is None or (progress.phase, progress.failure) != (last.phase, last.failure):
                yield "phase", progress
            if progress.phase in ENDED:
                return
            last = progress
            change = asyncio.ensure_future(anext(changes))
    finally:
        change.cancel()
        closed.cancel()
        await asyncio.gather(change, closed, return_exceptions=True)
        await _close(changes)


async def _close(changes: AsyncIterator[Progress]) -> None:
    if isinstance(changes, AsyncGenerator):
        await changes.aclose()


class ProgressHandler:
    """Answers whoever watches a wake."""

    def __init__(self, gatekeeper: Gatekeeper, *, limit: int = MAX_STREAMS, heartbeat: float = HEARTBEAT) -> None:
        self._gatekeeper = gatekeeper
        self._limit = limit
        self._heartbeat = heartbeat
        self._streams = 0
        self._closing = asyncio.Event()

    def __repr__(self) -> str:
        return f"<ProgressHandler streams={self._streams}/{self._limit} closing={self._closing.is_set()}>"

    def close(self) -> None:
        """End every stream, new ones at once too. Browsers connect again by themselves."""
        self._closing.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Stream, or answer `Accept: application/json` with the present progress."""
        key = self._watched(request)
        if key is None:
            return problem_response(REFUSALS[RefusalReason.UNKNOWN])
        if accepts(request.headers.get("Accept", ""), "application/json"):
            text = document(self._gatekeeper.progress(key))
            headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
            return web.Response(text=text, content_type="application/json", headers=headers)
        if self._streams >= self._limit:
            return problem_response(TOO_MANY_WATCHERS, headers={"Retry-After": retry_after(10)})
        self._streams += 1
        try:
            return await self._stream(request, key)
        finally:
            self._streams -= 1

    async def _stream(self, request: web.Request, key: Key) -> web.StreamResponse:
        headers = {"X-Content-Type-Options": "nosniff"}
        stream = events(self._gatekeeper, key, closing=self._closing, heartbeat=self._heartbeat)
        async with aclosing(stream), sse_response(request, headers=headers) as response:
            async for name, progress in stream:
                await response.send(document(progress), event=name, retry=RECONNECT if name == "phase" else None)
        return response

    def _watched(self, request: web.Request) -> Key | None:
        """The service that is asked about: the one Caddy names, or (where paths divide a host among services) another one on that host."""
        own = read_service(request.headers)
        wanted = request.query.get("service")
        if wanted is None:
            return own if self._gatekeeper.service(own) is not None else None
        try:
            key = Key.from_file_name(wanted)
        except ValueError:
            return None
        here, there = self._gatekeeper.service(own), self._gatekeeper.service(key)
        if here is None or there is None or (key != own and not set(here.spec.hosts) & set(there.spec.hosts)):
            return None
        return key
