"""What a client is told when WakeDock answers in place of the app: problem details (RFC 9457), one table for all of them."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from wakedock_operator.activator.questions import Refusal, RefusalReason

CONTENT_TYPE = "application/problem+json"
TYPE_BASE = "https://wakedock.dev/problems/"


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of problem. `name` completes its type URI; `detail` says what happened to the request and what to do."""

    name: str
    status: int
    title: str
    detail: str

    @property
    def type(self) -> str:
        """The URI that identifies the kind; it is also where it is documented."""
        return TYPE_BASE + self.name


MALFORMED = Problem(
    "malformed-hold", 400, "Malformed hold", "The gateway asked in a way the activator does not understand. Run one version of both."
)
NOT_FOUND = Problem("not-found", 404, "Nothing here", "There is nothing at this path below /.wakedock/.")
METHOD_NOT_ALLOWED = Problem("method-not-allowed", 405, "Method not allowed", "This path below /.wakedock/ can only be read.")
TOO_MANY_WATCHERS = Problem(
    "too-many-watchers", 503, "Too many visitors are watching", "The app is being started all the same. Load the page again a little later."
)
INTERNAL = Problem("internal", 500, "WakeDock made a mistake", "The app did not get this request. The gateway's log has the cause.")

REFUSALS: Mapping[RefusalReason, Problem] = {
    RefusalReason.SUSPENDED: Problem(
        "suspended", 503, "The app is out of service", "It was taken out of use on purpose and no request starts it."
    ),
    RefusalReason.REMOVED: Problem(
        "removed", 503, "The app is being removed", "The app did not get this request. Ask again to learn what is here now."
    ),
    RefusalReason.START_FAILED: Problem(
        "start-failed", 503, "The app did not start", "The app did not get this request. `cause` names the kind of failure."
    ),
    RefusalReason.TIMED_OUT: Problem(
        "timed-out", 504, "The app did not start in time", "The app did not get this request. It may still be starting."
    ),
    RefusalReason.TOO_MANY_HELD: Problem(
        "too-many-held", 503, "Too many requests are waiting", "The app is starting and did not get this request."
    ),
    RefusalReason.UNKNOWN: Problem(
        "unknown-service", 404, "Unknown service", "The gateway does not know the service that this address belonged to."
    ),
}
"""What a refused request gets.

Nearly all are 503: the app did not get the request, and the same request may succeed later. A removed service is one of them: the host may
belong to another service a moment later (somebody renamed it), so asking again is right; where it does not, the gateway has dropped the
route by then and answers 404 itself. A full house is no 429, because this client did nothing wrong.
"""


def retry_after(seconds: float) -> str:
    """The value of a Retry-After header: whole seconds, at least one."""
    return str(max(1, math.ceil(seconds)))


def problem_response(problem: Problem, *, headers: Mapping[str, str] | None = None, body: bool = True, **members: str) -> web.Response:
    """The answer to a client. `members` extend the document; without `body` (HEAD) only the headers are sent."""
    document = {"type": problem.type, "title": problem.title, "status": problem.status, "detail": problem.detail, **members}
    response = web.Response(status=problem.status, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
    response.headers.update(headers or {})
    response.content_type = CONTENT_TYPE
    if body:
        response.body = json.dumps(document).encode()
    return response


def refusal_response(refusal: Refusal, *, request_id: str, body: bool = True) -> web.Response:
    """The answer to a held request that was refused: the class of the cause and when to ask again, never a log line."""
    members = {"instance": f"urn:uuid:{request_id}"}
    if refusal.failure is not None:
        members["cause"] = refusal.failure.value
    headers = {"Retry-After": retry_after(refusal.retry_after)}
    return problem_response(REFUSALS[refusal.reason], headers=headers, body=body, **members)
