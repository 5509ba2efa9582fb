"""Which error an answer of the API server is."""

import json

import pytest

from wakedock_operator.adapters.kubernetes.errors import ApiError, Conflict, Forbidden, Gone, Invalid, NotFound, Unavailable, refusal

TYPED = 'failed to create typed patch object (team/web): .spec.template.metadata.labels.x: expected string, got "true"'
CONVERTED = "failed to convert new object (team/web) to smd typed: .spec: field not declared in schema"


@pytest.mark.parametrize(
    "status, message, kind",
    [
        (404, "not found", NotFound),
        (409, "the object has been modified", Conflict),
        (403, "is forbidden", Forbidden),
        (410, "too old", Gone),
        (422, "spec.port: invalid", Invalid),
        (400, "strict decoding error", Invalid),
        (429, "too many requests", Unavailable),
        (500, "etcdserver: request timed out", Unavailable),
        (503, "apiserver is shutting down", Unavailable),
        pytest.param(500, TYPED, Invalid, id="a field of another type in a server-side apply"),
        pytest.param(500, CONVERTED, Invalid, id="a field that the kind does not have in a server-side apply"),
    ],
)
def test_an_answer_is_the_error_that_its_status_and_words_say(status: int, message: str, kind: type[ApiError]):
    error = refusal("PATCH web", status, json.dumps({"kind": "Status", "message": message, "reason": "X"}).encode())
    assert type(error) is kind
    assert message in str(error)
