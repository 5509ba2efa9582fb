"""When a wish is met, and what is said meanwhile."""

from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from wakedock_operator.cli import waiting
from wakedock_operator.cli.client import Client
from wakedock_operator.cli.waiting import Met, Waiting, asleep, woken
from wakedock_operator.errors import Refused, StartFailed, TimedOut

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


# A wait in which nothing happens


class Said(StringIO):
    """What was printed, and that it was."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Event()

    def write(self, text: str, /) -> int:
        written = super().write(text)
        if text.endswith("\n"):
            self.line.set()
        return written


class Silent(Client):
    """Nothing changes; the wait is over once `until` is set."""

    def __init__(self, until: Event, advice: str) -> None:
        super().__init__(Path("nowhere"), advice=advice)
        self.until = until

    def watch(self, key: str | None = None, *, within: float | None = None) -> Iterator[tuple[str, Any]]:
        yield "synced", {}
        assert self.until.wait(20)
        raise TimedOut(f"not within {within:g} seconds")


def test_a_wait_in_which_nothing_happens_says_what_to_look_at(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(waiting, "ADVISED_AFTER", 0.0)
    said = Said()
    with redirect_stderr(said), pytest.raises(TimedOut, match="may still happen"):
        waiting.wait(Silent(said.line, "look at the operator"), "default/hello", woken, within=30)
    assert said.getvalue() == "waiting: look at the operator\n"


def test_a_short_wait_says_nothing():
    said, over = Said(), Event()
    over.set()
    with redirect_stderr(said), pytest.raises(TimedOut):
        waiting.wait(Silent(over, "look at the operator"), "default/hello", woken, within=30)
    assert said.getvalue() == ""
