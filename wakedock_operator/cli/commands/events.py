"""`wakedock events`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from wakedock_operator.cli.asking import asking, complete_service
from wakedock_operator.cli.client import Client
from wakedock_operator.cli.output import Format, Output, one_line, print_json, print_table
from wakedock_operator.cli.times import clock, span
from wakedock_operator.ports.journal import EventKind

COLUMNS = ("TIME", "SERVICE", "EVENT", "REASON", "TOOK", "DETAILS")


@asking
def command(
    client: Client,
    service: Annotated[
        str | None, typer.Argument(help="Only this one: NAME or NAMESPACE/NAME.", metavar="[SERVICE]", autocompletion=complete_service)
    ] = None,
    lines: Annotated[int, typer.Option("--lines", help="How many of the last events.", min=1, max=10_000)] = 50,
    kind: Annotated[EventKind | None, typer.Option("--kind", help="Only events of this kind.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Print who woke what, and what else happened; the newest last."""
    path = "/api/v1/events" if service is None else client.service(service, "events")
    found = client.get(f"{path}?limit={lines}" + (f"&kind={kind.value}" if kind is not None else ""))["events"]
    found.reverse()
    if output is Format.JSON:
        print_json(found)
        return
    print_table(COLUMNS, [row(event, wide=output is Format.WIDE) for event in found])


def row(event: Mapping[str, Any], *, wide: bool) -> tuple[str, ...]:
    """The cells of one event."""
    asker, took = event["asker"], event["phases"].get("granted")
    details = one_line(event["message"])
    if asker is not None:
        agent = f" ({asker['userAgent'] or 'no user agent'})" if wide else ""
        by = f"{asker['method']} {asker['host']}{asker['path']} from {asker['client'] or 'unknown'}{agent}"
        details = f"{by}: {details}" if details else by
    return (
        clock(event["at"]),
        event["service"],
        event["kind"],
        event["reason"] or "-",
        "-" if took is None else span(took),
        details or "-",
    )
