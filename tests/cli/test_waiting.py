"""When a wish is met."""

from typing import Any

import pytest

from wakedock_operator.cli.waiting import Met, Waiting, asleep, woken
from wakedock_operator.errors import Refused, StartFailed

FAILURE = {"reason": "Exited", "message": "exit code 3"}


def view(state: str, *, handled: bool, **fields: Any) -> dict[str, Any]:
    tokens = {"wake": "new", "sleep": "new"}
    return {
        "namespace": "default",
        "name": "hello",
        "state": state,
        "explanation": "a request woke it",
        "blocked": None,
        "failure": None,
        "asked": tokens,
        "handled": tokens if handled else {"wake": "old", "sleep": "old"},
        **fields,
    }


@pytest.mark.parametrize(
    "state, handled, fields, outcome, said",
    [
        ("asleep", False, {}, Waiting, "hello is asleep"),
        ("waking", False, {}, Waiting, "hello is waking"),
        ("waking", True, {}, Waiting, "hello is waking"),
        ("awake", False, {}, Waiting, "hello is awake"),
        ("awake", True, {}, Met, "hello is awake"),
        ("draining", False, {"blocked": {"message": "a WebSocket is open"}}, Waiting, "a WebSocket is open"),
        ("failed", False, {"failure": FAILURE}, Waiting, "hello is failed"),
        ("failed", True, {"failure": FAILURE}, StartFailed, "exit code 3 (Exited)"),
        ("waking", True, {"failure": FAILURE}, StartFailed, "exit code 3 (Exited)"),
        ("asleep", True, {}, Refused, "goes to sleep again"),
        ("suspended", False, {}, Refused, "cannot be woken"),
        ("removed", False, {}, Refused, "definition is gone"),
    ],
)
def test_a_wish_to_wake(state: str, handled: bool, fields: dict[str, Any], outcome: type, said: str):
    found = woken(view(state, handled=handled, **fields))
    assert isinstance(found, outcome)
    assert said in str(found)


@pytest.mark.parametrize(
    "state, handled, fields, outcome, said",
    [
        ("awake", False, {"blocked": {"message": "shop depends on it"}}, Waiting, "shop depends on it"),
        ("draining", True, {}, Waiting, "hello is draining"),
        ("asleep", False, {}, Waiting, "hello is asleep"),
        ("asleep", True, {}, Met, "hello is asleep"),
        ("suspended", True, {}, Met, "hello is asleep"),
        ("failed", True, {}, Met, "hello is asleep"),
        ("waking", True, {}, Met, "waking again"),
        ("awake", True, {}, Refused, "awake again: a request woke it"),
        ("removed", True, {}, Waiting, "hello is removed"),
    ],
)
def test_a_wish_to_sleep(state: str, handled: bool, fields: dict[str, Any], outcome: type, said: str):
    found = asleep(view(state, handled=handled, **fields))
    assert isinstance(found, outcome)
    assert said in str(found)
