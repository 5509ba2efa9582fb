"""WakeDock itself: health, metrics, overview, and the description of this API."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

from wakedock_operator import __version__
from wakedock_operator.adapters.metrics import CONTENT_TYPE
from wakedock_operator.api.endpoints import PORTS, Endpoint, json_answer
from wakedock_operator.api.seeing import known, see
from wakedock_operator.api.views import HealthView, Overview, SourceProblem, State
from wakedock_operator.ports.catalog import Entry, Snapshot


async def health(request: web.Request) -> web.StreamResponse:
    """`GET /health`: 200 when live and ready, else 503."""
    found = request.app[PORTS].health()
    view = HealthView(live=found.live, ready=found.ready, reasons=found.reasons)
    return json_answer(view, status=200 if found.live and found.ready else 503)


async def metrics(request: web.Request) -> web.StreamResponse:
    """`GET /metrics`."""
    return web.Response(body=request.app[PORTS].metrics.render(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})


def _problems(snapshot: Snapshot) -> Iterator[SourceProblem]:
    """What is not served at all, and what is served otherwise than it is written."""
    yield from (SourceProblem(source=problem.source, message=problem.message) for problem in snapshot.problems)
    for entry in snapshot.entries.values():
        if entry.problem and not _told(entry, snapshot):
            yield SourceProblem(source=entry.source, message=f"{entry.problem} ({entry.key} is served all the same)")


def _told(entry: Entry, snapshot: Snapshot) -> bool:
    """Its problem is one of the snapshot's, or its whole folder is unknown."""
    return str(Path(entry.source).parent) in snapshot.unreadable or any(
        entry.problem is not None and entry.problem in problem.message for problem in snapshot.problems
    )


async def overview(request: web.Request) -> web.StreamResponse:
    """`GET /api/v1/system/overview`."""
    ports = request.app[PORTS]
    snapshot = ports.catalog.current()
    states = Counter(view.state for key in known(ports) if (view := see(ports, key)) is not None)
    return json_answer(
        Overview(
            version=__version__,
            services={state: states[state] for state in State},
            held=int(ports.metrics.registry.get_sample_value("wakedock_held") or 0),
            problems=tuple(_problems(snapshot)),
            unreadable=snapshot.unreadable,
            events_dropped=int(ports.metrics.registry.get_sample_value("wakedock_journal_dropped_total") or 0),
        )
    )


ENDPOINTS = (
    Endpoint(method="GET", path="/health", handler=health, summary="Live and ready, or why not (503)", answer=HealthView),
    Endpoint(method="GET", path="/metrics", handler=metrics, summary="Metrics for Prometheus", answer="text/plain"),
    Endpoint(method="GET", path="/api/v1/system/overview", handler=overview, summary="WakeDock as a whole", answer=Overview),
)
