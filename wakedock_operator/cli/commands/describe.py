"""`wakedock describe`."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any

import typer

from wakedock_operator.cli.asking import Service, asking
from wakedock_operator.cli.client import Client, short_name
from wakedock_operator.cli.output import WHOLE, Format, one_line, print_json
from wakedock_operator.cli.times import age, clock, moment, span
from wakedock_operator.core.conditions import ConditionType

_PHASES = ("asked", "started", "answering", "granted")


@asking
def command(
    client: Client,
    service: Service,
    output: Annotated[Format, typer.Option("-o", "--output", help="`table` for people, `json` for programs.")] = Format.TABLE,
) -> None:
    """Explain one service: why it is awake or asleep, what blocks its sleep, what comes next."""
    detail = client.get(client.service(service))
    if output is Format.JSON:
        print_json(detail)
        return
    for line in explain(detail):
        print(line)


def explain(detail: Mapping[str, Any], now: datetime | None = None) -> Iterator[str]:
    """The explanation, line by line."""
    now = now or datetime.now(UTC)
    since = f" since {clock(detail['since'], now)} ({age(detail['since'], now)})" if detail["since"] else ""
    yield f"{short_name(dict(detail))} is {detail['state']}{since}: {detail['explanation']}"
    for name, text in _facts(detail, now):
        yield f"  {name:<11} {text}"
    failure = detail["failure"]
    if failure is not None and failure["log"]:
        yield "  last lines of its log:"
        yield from (f"    {line}" for line in failure["log"])
    if detail["lastWakes"]:
        typical = f" (typically {span(detail['typicalWake'])})" if detail["typicalWake"] is not None else ""
        yield f"  last wakes{typical}:"
        yield from (f"    {_wake(wake, now)}" for wake in detail["lastWakes"])
    if detail["conditions"]:
        yield "  conditions:"
        for condition in detail["conditions"]:
            message = f": {one_line(condition['message'])}" if condition["message"] else ""
            yield f"    {condition['type']:<13} {condition['status']:<6} {condition['reason']}{message}"


def _facts(detail: Mapping[str, Any], now: datetime) -> Iterator[tuple[str, str]]:
    if detail["hosts"]:
        paths = "" if detail["paths"] == ["/"] else f", paths {', '.join(detail['paths'])}"
        yield "hosts", ", ".join(detail["hosts"]) + paths
    if detail["state"] == "awake":
        idle = f"for {age(detail['idleSince'], now)}" if detail["idleSince"] else "no, in use or used a moment ago"
        yield "idle", f"{idle}; it may sleep after {detail['idleTimeout']} without requests"
    if detail["blocked"] is not None:
        yield "sleep", f"blocked: {detail['blocked']['message']} ({detail['blocked']['reason']})"
    yield from _troubles(detail)
    if detail["pin"] is not None:
        yield "pinned", f"until {clock(detail['pin'], now)}"
    following = detail["nextChange"]
    if following is not None:
        left = span((moment(following["at"]) - now).total_seconds())
        yield "next", f"in {left} ({clock(following['at'], now)}): {following['what']}"
    else:
        yield "next", "nothing is known in advance"
    for instance in detail["instances"]:
        state = "on its way out" if instance["terminating"] else "ready" if instance["ready"] else "not ready yet"
        yield "runs", f"{instance['name']}" + (f" at {instance['address']}" if instance["address"] else "") + f", {state}"
    if detail["dependsOn"]:
        yield "needs", ", ".join(detail["dependsOn"])
    if detail["dependants"]:
        yield "needed by", ", ".join(detail["dependants"])
    if detail["source"]:
        yield "defined in", detail["source"]


def _troubles(detail: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    unready = next((each for each in detail["conditions"] if each["type"] == ConditionType.READY and each["status"] == "False"), None)
    if detail["failure"] is not None:
        yield "failure", f"{detail['failure']['reason']}: {one_line(detail['failure']['message'], limit=WHOLE)}"
    elif unready is not None:
        yield "not ready", f"{one_line(unready['message'])} ({unready['reason']})"
    if detail["problem"] is not None:
        yield "definition", f"not served as it is written: {detail['problem']}"


def _wake(wake: Mapping[str, Any], now: datetime) -> str:
    phases = wake["phases"]
    moments = {"asked": 0.0, **phases}
    stages = [(phase, moments[phase] - moments[before]) for before, phase in pairwise(_PHASES) if before in moments and phase in moments]
    parts = ", ".join(f"{phase} {span(took)}" for phase, took in stages)
    total = span(phases["granted"]) if "granted" in phases else "unknown"
    asker = wake["asker"]
    by = f"{asker['method']} {asker['host']}{asker['path']} from {asker['client']}" if asker is not None else wake["cause"]
    return f"{clock(wake['at'], now)}  {total}" + (f" ({parts})" if parts else "") + f"  {by}"
