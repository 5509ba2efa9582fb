"""Waiting until a wish is met, or it is clear that it will not be."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer
from typing import Annotated, Any

import typer

from wakedock_operator.cli.client import Client, short_name
from wakedock_operator.cli.output import WHOLE, one_line
from wakedock_operator.errors import Refused, StartFailed, TimedOut, WakeDockError
from wakedock_operator.resource import parse_duration

NoWait = Annotated[bool, typer.Option("--no-wait", help="Return as soon as it was asked for.")]
Timeout = Annotated[str, typer.Option("--timeout", help="How long to wait at most.", metavar="DURATION")]

ADVISED_AFTER = 10.0
"""Seconds of waiting after which the client's advice is said."""

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet; for what."""

    note: str


@dataclass(frozen=True, slots=True)
class Met:
    """It is as wished."""

    sentence: str


Verdict = Waiting | Met | WakeDockError


def woken(view: View) -> Verdict:
    """Whether a wish to wake is met."""
    name, state = short_name(view), view["state"]
    if state == "removed":
        return Refused(f"{name} cannot be woken: its definition is gone")
    if state == "suspended":
        return Refused(f"{name} cannot be woken: {view['explanation']}")
    if not _handled(view, "wake"):
        return Waiting(_going_on(view))
    if state == "awake":
        return Met(f"{name} is awake")
    if view["failure"] is not None:
        return StartFailed(
            f"{name} did not start: {one_line(view['failure']['message'], limit=WHOLE)} ({view['failure']['reason']}); "
            f"see: wakedock logs {name}"
        )
    if state == "waking":
        return Waiting(_going_on(view))
    return Refused(f"{name} goes to sleep again: {view['explanation']}")


def asleep(view: View) -> Verdict:
    """Whether a wish to sleep is met."""
    name, state = short_name(view), view["state"]
    if state == "draining" or not _handled(view, "sleep"):
        return Waiting(_going_on(view))
    if state == "awake":
        return Refused(f"{name} is awake again: {view['explanation']}; requests that wait for too long end a sleep")
    if state == "waking":
        return Met(f"{name} went to sleep and is waking again: {view['explanation']}")
    if state == "removed":
        return Waiting(_going_on(view))
    return Met(f"{name} is asleep")


def wait(client: Client, key: str, verdict: Callable[[View], Verdict], *, within: float | None) -> str:
    """Follow the service until the verdict is in; what it waits for is said on stderr, each thing once. Returns the sentence.

    Raises the verdict's error, or TimedOut.
    """
    note = ""
    try:
        with _advised(client):
            for event, view in client.watch(key, within=within):
                if event == "gone":
                    return f"{key} has ended"
                if event != "service":
                    continue
                found = verdict(view)
                if isinstance(found, Met):
                    return found.sentence
                if isinstance(found, WakeDockError):
                    raise found
                if found.note != note:
                    note = found.note
                    print(f"waiting: {note}", file=sys.stderr, flush=True)
    except TimedOut as error:
        raise TimedOut(f"{error}; last seen: {note or 'nothing'}. It was asked for and may still happen") from None
    raise AssertionError("a watch ends with an error")


@contextmanager
def _advised(client: Client) -> Iterator[None]:
    """Says on stderr what to look at when this takes long: where nobody acts on wishes, nothing ever changes."""

    def say() -> None:
        print(f"waiting: {client.advice}", file=sys.stderr, flush=True)

    timer = Timer(ADVISED_AFTER, say)
    timer.daemon = True
    if client.advice:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def seconds(duration: str) -> float:
    """A duration such as `90s`, in seconds. Raises typer.BadParameter."""
    try:
        return parse_duration(duration).total_seconds()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _handled(view: View, wish: str) -> bool:
    """The newest wish was acted on. A newer one than ours stands for ours."""
    return bool(view["handled"][wish] == view["asked"][wish])


def _going_on(view: View) -> str:
    blocked = view["blocked"]
    return f"{short_name(view)} is {view['state']}: {view['explanation'] if blocked is None else blocked['message']}"
