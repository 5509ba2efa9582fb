"""`wakedock pin`."""

import sys
from typing import Annotated

import typer

from wakedock_operator.cli.asking import Service, asking
from wakedock_operator.cli.client import Client
from wakedock_operator.cli.times import clock
from wakedock_operator.cli.waiting import seconds


@asking
def command(
    client: Client,
    service: Service,
    for_: Annotated[str, typer.Option("--for", help="How long, for instance 2h.", metavar="DURATION")],
) -> None:
    """Keep a service awake for some time; wakes it if it sleeps."""
    seconds(for_)
    answer = client.post(client.service(service, "pin"), {"for": for_})
    if answer["warning"]:
        print(f"warning: {answer['warning']}", file=sys.stderr)
    until = answer["service"]["pin"]
    print(f"{service} is pinned awake until {clock(until)}" if until else f"{service} was pinned awake; that is over already")
