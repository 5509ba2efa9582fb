"""Steering services: each request records a wish; the controller acts on it."""

import uuid
from datetime import datetime

from aiohttp import web

from wakedock_operator.api.endpoints import PORTS, Endpoint, body_of, json_answer, service_key
from wakedock_operator.api.ports import Ports
from wakedock_operator.api.problems import MALFORMED, PINNED, SUSPENDED, UNKNOWN_SERVICE, Problem
from wakedock_operator.api.seeing import see
from wakedock_operator.api.views import LONGEST_PIN, Asked, PinRequest
from wakedock_operator.core.dependencies import dependants, reached
from wakedock_operator.ports.catalog import Entry
from wakedock_operator.resource import Key, format_duration


async def wake(request: web.Request) -> web.StreamResponse:
    """`POST …/wake`."""
    key, ports = service_key(request), request.app[PORTS]
    _refuse_suspended(_entry(ports, key), "cannot be woken")
    token = str(uuid.uuid4())
    await _ask(ports, key, wake=token)
    return _asked(ports, key, token=token)


async def sleep(request: web.Request) -> web.StreamResponse:
    """`POST …/sleep`: a forced drain."""
    key, ports = service_key(request), request.app[PORTS]
    pin = _entry(ports, key).wishes.keep_awake_until
    if pin is not None and pin > ports.clock.now():
        until = pin.isoformat(timespec="seconds")
        raise Problem(PINNED, f"{key} is pinned awake until {until} and would be woken again at once. Take the pin off first.")
    kept = _pinned_dependant(ports, key)
    if kept is not None:
        raise Problem(PINNED, f"{kept} depends on {key} and is pinned awake: both would be woken again at once. Take its pin off first.")
    token = str(uuid.uuid4())
    await _ask(ports, key, sleep=token)
    return _asked(ports, key, token=token)


async def pin(request: web.Request) -> web.StreamResponse:
    """`POST …/pin`: keeps awake, and wakes what sleeps."""
    key, ports = service_key(request), request.app[PORTS]
    wanted = (await body_of(request, PinRequest)).for_
    if wanted > LONGEST_PIN:
        raise Problem(MALFORMED, f"A pin lasts {format_duration(LONGEST_PIN)} at most. sleep.mode: Never keeps a service awake for good.")
    _refuse_suspended(_entry(ports, key), "cannot be pinned awake")
    warning = await _ask(ports, key, keep_awake_until=ports.clock.now() + wanted)
    return _asked(ports, key, warning=warning)


async def unpin(request: web.Request) -> web.StreamResponse:
    """`DELETE …/pin`. Nothing happens where there is none."""
    key, ports = service_key(request), request.app[PORTS]
    _entry(ports, key)
    return _asked(ports, key, warning=await _ask(ports, key, unpin=True))


async def _ask(
    ports: Ports,
    key: Key,
    *,
    wake: str | None = None,
    sleep: str | None = None,
    keep_awake_until: datetime | None = None,
    unpin: bool = False,
) -> str:
    """Record a wish. Returns what will be missing after a restart, in words."""
    try:
        await ports.catalog.ask(key, wake=wake, sleep=sleep, keep_awake_until=keep_awake_until, unpin=unpin)
    except KeyError:
        raise Problem(UNKNOWN_SERVICE, f"The service {key} has just ended.") from None
    except OSError as error:
        return f"in force now, but it could not be written down and will be forgotten by a restart: {error}"
    return ""


def _entry(ports: Ports, key: Key) -> Entry:
    entry = ports.catalog.current().entries.get(key)
    if entry is None:
        raise Problem(UNKNOWN_SERVICE, f"The definition of {key} is gone; the service is ending.")
    return entry


def _pinned_dependant(ports: Ports, key: Key) -> Key | None:
    """Something that depends on `key`, directly or not, and is pinned awake."""
    entries, now = ports.catalog.current().entries, ports.clock.now()
    needing = dependants({each: entry.service for each, entry in entries.items()})
    pins = ((each, entries[each].wishes.keep_awake_until) for each in reached(key, lambda each: needing.get(each, ())))
    return next((each for each, pin in pins if pin is not None and pin > now), None)


def _refuse_suspended(entry: Entry, what: str) -> None:
    if entry.service.spec.suspend:
        raise Problem(SUSPENDED, f"{entry.key} {what}: its definition says 'suspend: true'. Take that out first.")


def _asked(ports: Ports, key: Key, *, token: str = "", warning: str = "") -> web.Response:
    view = see(ports, key)
    if view is None:
        raise Problem(UNKNOWN_SERVICE, f"The service {key} has just ended.")
    return json_answer(Asked(token=token, warning=warning, service=view), status=202)


_OF_ONE = "/api/v1/services/{namespace}/{name}"

ENDPOINTS = (
    Endpoint(
        method="POST",
        path=f"{_OF_ONE}/wake",
        handler=wake,
        summary="Wake a service",
        answer=Asked,
        status=202,
        problems=(UNKNOWN_SERVICE, SUSPENDED),
    ),
    Endpoint(
        method="POST",
        path=f"{_OF_ONE}/sleep",
        handler=sleep,
        summary="Put a service to sleep, in use or not; held requests wake it again",
        answer=Asked,
        status=202,
        problems=(UNKNOWN_SERVICE, PINNED),
    ),
    Endpoint(
        method="POST",
        path=f"{_OF_ONE}/pin",
        handler=pin,
        summary="Keep a service awake for some time; wakes it if it sleeps",
        answer=Asked,
        status=202,
        body=PinRequest,
        problems=(MALFORMED, UNKNOWN_SERVICE, SUSPENDED),
    ),
    Endpoint(
        method="DELETE",
        path=f"{_OF_ONE}/pin",
        handler=unpin,
        summary="Take the pin off",
        answer=Asked,
        status=202,
        problems=(UNKNOWN_SERVICE,),
    ),
)
