"""The HTTP side of the activator, on a unix socket that only Caddy reaches: holds and everything below `/.wakedock/`."""

import os
import socket
from pathlib import Path

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from wakedock_operator.activator.hold_request import HoldRequest, MalformedHoldError, read_hold
from wakedock_operator.activator.page.assets import PREFIX as ASSETS_PREFIX
from wakedock_operator.activator.page.assets import AssetHandler, load_assets
from wakedock_operator.activator.page.choice import wants_page
from wakedock_operator.activator.page.progress import URL as PROGRESS_URL
from wakedock_operator.activator.page.progress import ProgressHandler
from wakedock_operator.activator.page.rendering import WaitingPages
from wakedock_operator.activator.problems import INTERNAL, MALFORMED, METHOD_NOT_ALLOWED, NOT_FOUND, problem_response, refusal_response
from wakedock_operator.activator.questions import Gatekeeper, Granted, Question
from wakedock_operator.ports.clock import Clock
from wakedock_operator.resource import WakeService

MAX_SOCKET_PATH = 107
MAX_HEADER = 65536
"""Of one header and of the request line: what passes Caddy warm must pass cold, escaped."""
BACKLOG = 4096
SHUTDOWN_PATIENCE = 5.0
"""Seconds a handler has to end after the gatekeeper has answered its holds."""

_PROGRESS = web.AppKey("progress", ProgressHandler)

log = structlog.get_logger(__name__)


def build_app(gatekeeper: Gatekeeper, clock: Clock) -> web.Application:
    """The activator's application. Serve it with `serve`."""
    assets = load_assets()
    pages = WaitingPages(assets)
    progress = ProgressHandler(gatekeeper)

    async def hold(request: web.Request) -> web.StreamResponse:
        asked = read_hold(request.headers, clock)
        service = gatekeeper.service(asked.question.key)
        if service is not None and wants_page(asked, service.spec.wake.on_cold):
            return _page(gatekeeper, pages, asked.question, service)
        return await _held(gatekeeper, asked)

    app = web.Application(middlewares=[_answer_problems])
    app.router.add_get("/hold/{id}", hold, allow_head=False)
    app.router.add_get(PROGRESS_URL, progress.handle, allow_head=False)
    app.router.add_get(ASSETS_PREFIX + "{name}", AssetHandler(assets).handle)
    app.on_response_prepare.append(_without_server)
    app.on_shutdown.append(_end_streams)
    app[_PROGRESS] = progress
    return app


def end_streams(app: web.Application) -> None:
    """End the live progress of every visitor. Call it before Caddy is stopped: else Caddy's drain waits for those who only watch."""
    app[_PROGRESS].close()


async def serve(app: web.Application, socket_path: Path) -> web.AppRunner:
    """Listen on `socket_path`, mode 0600. A socket that is there is replaced in one step: at no moment does the path lead nowhere.

    End it with the runner's `cleanup()`. Raises OSError, also for a path of more than 107 bytes.
    """
    if len(os.fsencode(socket_path)) > MAX_SOCKET_PATH:
        raise OSError(f"the socket path {socket_path} has more than {MAX_SOCKET_PATH} bytes; choose a shorter runtime directory")
    runner = web.AppRunner(
        app,
        handler_cancellation=True,
        access_log=None,
        max_line_size=MAX_HEADER,
        max_field_size=MAX_HEADER,
        shutdown_timeout=SHUTDOWN_PATIENCE,
    )
    await runner.setup()
    fresh = socket_path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listener.fileno(), 0o600)  # before bind, so that there is no moment with other permissions
        listener.bind(os.fspath(fresh))
        await web.SockSite(runner, listener, backlog=BACKLOG).start()
        fresh.replace(socket_path)
    except BaseException:
        listener.close()
        fresh.unlink(missing_ok=True)
        await runner.cleanup()
        raise
    return runner


def _page(gatekeeper: Gatekeeper, pages: WaitingPages, question: Question, service: WakeService) -> web.Response:
    """Wake the app for a visitor, whose page asks again by itself: nothing is held."""
    refusal = gatekeeper.visit(question)
    if refusal is not None:
        return pages.refused(service, refusal, host=question.asker.host)
    return pages.waiting(service, gatekeeper.progress(question.key), host=question.asker.host)


async def _held(gatekeeper: Gatekeeper, asked: HoldRequest) -> web.Response:
    """Wait for the decision. When the client leaves, aiohttp cancels this and with it the hold."""
    decision = await gatekeeper.hold(asked.question)
    if isinstance(decision, Granted):
        return web.Response(status=204)
    return refusal_response(decision, request_id=asked.question.request_id, body=asked.method != "HEAD")


@web.middleware
async def _answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong is answered as a problem; a mistake of ours is logged and ends nothing but this request."""
    try:
        return await handler(request)
    except MalformedHoldError as error:
        return problem_response(MALFORMED, reason=str(error))
    except web.HTTPMethodNotAllowed as error:
        return problem_response(METHOD_NOT_ALLOWED, headers={"Allow": error.headers["Allow"]}, body=request.method != "HEAD")
    except web.HTTPNotFound:
        return problem_response(NOT_FOUND, body=request.method != "HEAD")
    except Exception:
        log.exception("request failed", path=request.path[:200], request_id=request.headers.get("X-Wakedock-Request", "")[:64])
        return problem_response(INTERNAL)


async def _end_streams(app: web.Application) -> None:
    end_streams(app)


async def _without_server(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall("Server", None)
