"""Seeing services: `/api/v1/services…`."""

from collections.abc import Sequence

from aiohttp import web

from wakedock_operator.api.endpoints import PORTS, Endpoint, Parameter, flag, json_answer, named_key, number, service_key
from wakedock_operator.api.problems import HISTORY_UNREADABLE, MALFORMED, UNKNOWN_SERVICE, Problem
from wakedock_operator.api.seeing import event_views, known, see, see_closely
from wakedock_operator.api.streams import streaming
from wakedock_operator.api.views import EventList, ServiceDetail, ServiceList
from wakedock_operator.ports.journal import Event, EventKind
from wakedock_operator.resource import Key

_MOST_LINES = 10_000
_MOST_EVENTS = 10_000


async def every(request: web.Request) -> web.StreamResponse:
    """`GET /api/v1/services`."""
    ports = request.app[PORTS]
    views = (see(ports, key) for key in known(ports))
    return json_answer(ServiceList(services=tuple(view for view in views if view is not None)))


async def one(request: web.Request) -> web.StreamResponse:
    """`GET /api/v1/services/{namespace}/{name}`."""
    key = service_key(request)
    detail = await see_closely(request.app[PORTS], key)
    if detail is None:
        raise Problem(UNKNOWN_SERVICE, f"The service {key} has just ended.")
    return json_answer(detail)


async def logs(request: web.Request) -> web.StreamResponse:
    """`GET …/logs`: lines of text, as they are; with `follow` the answer goes on until the client leaves."""
    key, workloads = service_key(request), request.app[PORTS].workloads
    lines = number(request, "lines", default=100, most=_MOST_LINES)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    try:
        if not flag(request, "follow"):
            text = "".join(f"{line}\n" for line in await workloads.logs(key, lines=lines))
            return web.Response(text=text, headers=headers)
        response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8", **headers})
        await response.prepare(request)
        with streaming(request):
            async for line in workloads.follow(key, lines=lines):
                await response.write(f"{line}\n".encode())
    except KeyError:
        raise Problem(UNKNOWN_SERVICE, f"The service {key} has no workload, so it has no log.") from None
    return response


async def events_of_one(request: web.Request) -> web.StreamResponse:
    """`GET …/events`: also of a service that has ended, as long as some are kept."""
    found = await _events(request, named_key(request))
    if not found:
        service_key(request)
    return json_answer(EventList(events=event_views(found)))


async def events(request: web.Request) -> web.StreamResponse:
    """`GET /api/v1/events`."""
    return json_answer(EventList(events=event_views(await _events(request, None))))


async def _events(request: web.Request, key: Key | None) -> Sequence[Event]:
    limit = number(request, "limit", default=100, most=_MOST_EVENTS)
    wanted = request.query.get("kind")
    if wanted is not None and wanted not in set(EventKind):
        raise Problem(MALFORMED, f"'kind' must be one of {', '.join(EventKind)}, not {wanted!r}.")
    try:
        return await request.app[PORTS].journal.events(key=key, kind=None if wanted is None else EventKind(wanted), limit=limit)
    except OSError as error:
        raise Problem(HISTORY_UNREADABLE, f"{error}.") from None


_OF_ONE = "/api/v1/services/{namespace}/{name}"
_EVENT_PARAMETERS = (
    Parameter("limit", "How many events at most.", {"type": "integer", "minimum": 1, "maximum": _MOST_EVENTS, "default": 100}),
    Parameter("kind", "Only events of this kind.", {"type": "string", "enum": [kind.value for kind in EventKind]}),
)

ENDPOINTS = (
    Endpoint(method="GET", path="/api/v1/services", handler=every, summary="All services", answer=ServiceList),
    Endpoint(method="GET", path=_OF_ONE, handler=one, summary="One service, closely", answer=ServiceDetail, problems=(UNKNOWN_SERVICE,)),
    Endpoint(
        method="GET",
        path=f"{_OF_ONE}/logs",
        handler=logs,
        summary="The output of the app",
        answer="text/plain",
        parameters=(
            Parameter("lines", "How many of the last lines.", {"type": "integer", "minimum": 1, "maximum": _MOST_LINES, "default": 100}),
            Parameter("follow", "Go on with each new line.", {"type": "boolean", "default": False}),
        ),
        problems=(MALFORMED, UNKNOWN_SERVICE),
    ),
    Endpoint(
        method="GET",
        path=f"{_OF_ONE}/events",
        handler=events_of_one,
        summary="The history of one service",
        answer=EventList,
        parameters=_EVENT_PARAMETERS,
        problems=(MALFORMED, UNKNOWN_SERVICE, HISTORY_UNREADABLE),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/events",
        handler=events,
        summary="The history",
        answer=EventList,
        parameters=_EVENT_PARAMETERS,
        problems=(MALFORMED, HISTORY_UNREADABLE),
    ),
)
