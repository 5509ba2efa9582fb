"""`wakedock ls`."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from wakedock_operator.cli.asking import asking
from wakedock_operator.cli.client import Client, short_name
from wakedock_operator.cli.output import Format, Output, print_json, print_table, table
from wakedock_operator.cli.times import age, clock, moment, span

COLUMNS = ("NAME", "HOSTS", "STATE", "REASON", "SINCE", "IDLE", "NEXT")
WIDE = (*COLUMNS, "PATHS", "PINNED UNTIL", "WHY")


@asking
def command(
    client: Client,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Go on with each change, until Ctrl-C.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """List the services: which are awake, and why."""
    if watch:
        _watch(client, output)
        return
    services = client.get("/api/v1/services")["services"]
    if output is Format.JSON:
        print_json(services)
        return
    columns, made = rows(services, wide=output is Format.WIDE)
    print_table(columns, made)
    problems = client.get("/api/v1/system/overview")["problems"]
    for problem in problems:
        print(f"wakedock: not as it is defined or asked for: {problem['message']}", file=sys.stderr)


def rows(services: Iterable[Mapping[str, Any]], *, wide: bool, now: datetime | None = None) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Columns and cells."""
    now = now or datetime.now(UTC)
    made: list[Sequence[str]] = []
    for service in services:
        row = [
            short_name(dict(service)),
            ",".join(service["hosts"]) or "-",
            service["state"],
            service["reason"],
            age(service["since"], now),
            age(service["idleSince"], now),
            _next(service, now),
        ]
        if wide:
            pin = service["pin"]
            row += [",".join(service["paths"]) or "-", "-" if pin is None else clock(pin, now), service["explanation"]]
        made.append(row)
    return (WIDE if wide else COLUMNS), made


def _next(service: Mapping[str, Any], now: datetime) -> str:
    """What changes next, or what keeps it awake although nobody uses it."""
    following, blocked = service["nextChange"], service["blocked"]
    if following is not None:
        return f"{following['what']} in {span((moment(following['at']) - now).total_seconds())}"
    return "-" if blocked is None or service["idleSince"] is None else f"kept awake: {blocked['reason']}"


def _watch(client: Client, output: Format) -> None:
    if output is Format.JSON:
        for event, data in client.watch():
            if event != "synced":
                print(json.dumps({"event": event, **data}, ensure_ascii=False), flush=True)
        return
    if not sys.stdout.isatty():
        _print_changes(client, wide=output is Format.WIDE)
        return
    from rich.live import Live

    services: dict[str, Any] = {}
    with Live(table(COLUMNS, []), auto_refresh=False, screen=False) as live:
        synced = False
        for event, data in client.watch():
            synced = synced or event == "synced"
            _keep(services, event, data)
            if synced:
                live.update(table(*rows([services[key] for key in sorted(services)], wide=output is Format.WIDE)), refresh=True)


def _print_changes(client: Client, *, wide: bool) -> None:
    """One line per change, for pipes."""
    for event, data in client.watch():
        if event == "service":
            _, [row] = rows([data], wide=wide)
            print("  ".join(row), flush=True)
        elif event == "gone":
            print(f"{short_name(data)}  gone", flush=True)


def _keep(services: dict[str, Any], event: str, data: Any) -> None:
    if event == "service":
        services[short_name(data)] = data
    elif event == "gone":
        services.pop(short_name(data), None)
