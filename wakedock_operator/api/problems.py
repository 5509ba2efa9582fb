"""What a client of the control API is told when something is wrong: problem details (RFC 9457)."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from aiohttp import web

from wakedock_operator.ports.unreachable import Unreachable

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPE_BASE = "https://wakedock.dev/problems/"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem. `name` completes its type URI."""

    name: str
    status: int
    title: str


MALFORMED = ProblemType("malformed-request", 400, "The request was not understood")
UNAUTHENTICATED = ProblemType("unauthenticated", 401, "A token is needed")
FOREIGN = ProblemType("foreign-origin", 403, "The request comes from somewhere else")
NOT_FOUND = ProblemType("not-found", 404, "Nothing here")
UNKNOWN_SERVICE = ProblemType("unknown-service", 404, "Unknown service")
METHOD_NOT_ALLOWED = ProblemType("method-not-allowed", 405, "Method not allowed")
SUSPENDED = ProblemType("suspended", 409, "The service is out of use")
PINNED = ProblemType("pinned", 409, "The service is pinned")
TOO_LARGE = ProblemType("too-large", 413, "The request is too large")
INTERNAL = ProblemType("internal", 500, "WakeDock made a mistake")
BACKEND_REFUSED = ProblemType("backend-refused", 502, "What runs the apps refused")
HISTORY_UNREADABLE = ProblemType("history-unreadable", 503, "The history cannot be read")
BACKEND_UNREACHABLE = ProblemType("backend-unreachable", 503, "What runs the apps does not answer")

ALL = (
    MALFORMED,
    UNAUTHENTICATED,
    FOREIGN,
    NOT_FOUND,
    UNKNOWN_SERVICE,
    METHOD_NOT_ALLOWED,
    SUSPENDED,
    PINNED,
    TOO_LARGE,
    INTERNAL,
    BACKEND_REFUSED,
    HISTORY_UNREADABLE,
    BACKEND_UNREACHABLE,
)

_BY_STATUS = {kind.status: kind for kind in (MALFORMED, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_LARGE)}


class Problem(Exception):
    """Ends a request with a problem document. `detail` says what happened, to what, and what to do."""

    def __init__(self, kind: ProblemType, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail

    def response(self) -> web.Response:
        """The answer."""
        document = {
            "type": TYPE_BASE + self.kind.name,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
        }
        response = web.Response(status=self.kind.status, body=json.dumps(document, ensure_ascii=False).encode(), content_type=CONTENT_TYPE)
        if self.kind is UNAUTHENTICATED:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response


@web.middleware
async def answer_with_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error is a problem document."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as error:
        kind = _BY_STATUS.get(error.status, MALFORMED)
        response = Problem(kind, f"{request.method} {request.path}: {error.reason}. The paths are in /api/v1/openapi.json.").response()
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except ConnectionResetError:
        raise
    except Unreachable as error:
        return Problem(BACKEND_UNREACHABLE, f"{error}. Try again in a moment.").response()
    except OSError as error:
        log.warning("request refused", method=request.method, path=request.path, error=str(error))
        return Problem(BACKEND_REFUSED, str(error)).response()
    except Exception:
        log.exception("request failed", method=request.method, path=request.path)
        return Problem(INTERNAL, "The log has the cause.").response()
