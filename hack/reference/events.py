"""docs/reference/events.md, from the kinds of the journal; the examples are written as the Events are."""

from datetime import UTC, datetime

from hack.reference.conditions import member_docstrings
from wakedock_operator.adapters.kubernetes.events import MAX_NOTE, REPORTER, WHOLE, note, severity
from wakedock_operator.core.status import Asker, DrainReason, FailureReason, WakeReason
from wakedock_operator.core.vetoes import VetoReason
from wakedock_operator.ports.journal import Event, EventKind
from wakedock_operator.resource import API_VERSION, KIND, Key

BEGINNING = f"""\
# Events on Kubernetes

Made from the code by `make docs`. All are Events of `events.k8s.io/v1` about a `{KIND}` (`{API_VERSION}`), in its namespace, written by the
operator (`reportingController: {REPORTER}`). Gateways write none. `kubectl describe wks NAME`, `kubectl events --for wakeservice/NAME` and
`wakedock events` show them. How long they are kept is the API server's to say, an hour by default; one that it does not take is dropped and
counted in [`wakedock_journal_dropped_total`](metrics.md).

The note holds, joined by colons and as far as there are any: the reason from the table that is named, what happened, who asked (a request's
method, host, path without its query, client and `User-Agent`), and how long a wake took. It is cut after {MAX_NOTE:,} characters.
The annotation `{WHOLE}` has the same as JSON, for programs.

| reason | type | when, and what the note says | reasons in the note | example of a note |
|---|---|---|---|---|
"""

_AT = datetime(2026, 3, 1, 18, tzinfo=UTC)
_KEY = Key("shop", "web")
_ASKER = Asker(_AT, "GET", "web.example.org", "/cart", "Mozilla/5.0", "192.0.2.7")

REASONS: dict[EventKind, type[DrainReason | FailureReason | VetoReason | WakeReason]] = {
    EventKind.WOKE: WakeReason,
    EventKind.SLEPT: DrainReason,
    EventKind.WAKE_FAILED: FailureReason,
    EventKind.CRASHED: FailureReason,
    EventKind.SLEEP_BLOCKED: VetoReason,
}
EXAMPLES: tuple[Event, ...] = (
    Event(_AT, _KEY, EventKind.WOKE, WakeReason.REQUEST, asker=_ASKER, phases={"granted": 2.13}),
    Event(_AT, _KEY, EventKind.SLEPT, DrainReason.IDLE),
    Event(
        _AT,
        _KEY,
        EventKind.WAKE_FAILED,
        FailureReason.IMAGE_PULL,
        "the image of container app cannot be pulled (ErrImagePull): none",
        _ASKER,
    ),
    Event(_AT, _KEY, EventKind.CRASHED, FailureReason.EXITED, "container app exited with code 1"),
    Event(_AT, _KEY, EventKind.SLEEP_BLOCKED, VetoReason.APP_VETO, "the app says: 3 jobs are running"),
    Event(_AT, _KEY, EventKind.PINNED, message=f"until {_AT.isoformat(timespec='seconds')}"),
    Event(_AT, _KEY, EventKind.REJECTED, message="spec.idleTimeout: write it as a duration such as 15m"),
)


def reference() -> str:
    """The page: a row per kind, in the order of the code."""
    meanings = member_docstrings(EventKind)
    examples = {event.kind: note(event) for event in EXAMPLES}
    return BEGINNING + "".join(
        f"| `{kind}` | {severity(kind)} | {meanings[name]} | {_reasons(kind)} | {_quoted(examples.get(kind))} |\n"
        for name, kind in EventKind.__members__.items()
    )


def _reasons(kind: EventKind) -> str:
    """A link to the table of what stands first in the note."""
    enumeration = REASONS.get(kind)
    return "" if enumeration is None else f"[{enumeration.__name__}](conditions.md#{enumeration.__name__.lower()})"


def _quoted(example: str | None) -> str:
    return "*empty*" if example is None else f"`{example}`"
