"""What can go wrong between WakeDock and an API server, as one small tree under OSError, which is what the ports promise.

Each message says what was asked, of which object, and what the answer was.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from wakedock_operator.ports.unreachable import Unreachable


class ApiError(OSError):
    """A request that was not answered with what it asked for.

    `status` is the HTTP status (0 without an answer), `reason` the API server's own word for the cause, `details` its details where it
    gave some (Kubernetes: `Status.details`).
    """

    def __init__(self, message: str, *, status: int = 0, reason: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.details: Mapping[str, Any] = details or {}


class NotFound(ApiError):
    """There is no such object, or no such kind."""


class Conflict(ApiError):
    """A precondition does not hold any more, another manager owns a field, or the object exists already."""


class Forbidden(ApiError):
    """The roles, a quota or an admission policy do not allow it."""


class Unauthorized(ApiError):
    """The credentials are not accepted, not even after they were read again."""


class Gone(ApiError):
    """The version that a list or watch wanted to go on from is no longer kept: list again."""


class Invalid(ApiError):
    """The API server does not accept what was sent."""


class Unavailable(ApiError, Unreachable):
    """No answer, or one that says: not now. A write may have happened all the same."""


_by_status: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    408: Unavailable,
    429: Unavailable,
}


_mistake = re.compile(r"failed to create typed patch object|failed to convert new object|error converting YAML")
"""What an API server says, with the status 500, about a server-side apply whose fields do not fit the kind."""


def refusal(asked: str, status: int, answer: bytes | Mapping[str, Any]) -> ApiError:
    """The error for an answer with an HTTP status that is no success. `answer` is the body, or the `Status` object that it holds."""
    told = answer if isinstance(answer, Mapping) else _status_object(answer)
    reason = str(told.get("reason") or "")
    message = str(told.get("message") or "") or (answer[:200].decode(errors="replace").strip() if isinstance(answer, bytes) else "")
    kind = _by_status.get(status, Invalid if 400 <= status < 500 or _mistake.search(message) else Unavailable)
    details = told.get("details")
    return kind(
        f"{asked}: {status} {reason}".rstrip() + (f": {message}" if message else ""),
        status=status,
        reason=reason,
        details=details if isinstance(details, Mapping) else None,
    )


def _status_object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}
