"""Waiting where nothing happens."""

from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from wakedock_operator.cli import waiting
from wakedock_operator.cli.client import Client
from wakedock_operator.errors import TimedOut


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
        waiting.wait(Silent(said.line, "look at the operator"), "default/hello", waiting.woken, within=30)
    assert said.getvalue() == "waiting: look at the operator\n"


def test_a_short_wait_says_nothing():
    said, over = Said(), Event()
    over.set()
    with redirect_stderr(said), pytest.raises(TimedOut):
        waiting.wait(Silent(over, "look at the operator"), "default/hello", waiting.woken, within=30)
    assert said.getvalue() == ""
