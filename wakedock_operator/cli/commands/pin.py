"""`wakedock pin`."""

import sys
from typing import Annotated

import typer

from wakedock_operator.cli.instance import Data, Service, connect, service_path
from wakedock_operator.cli.times import clock
from wakedock_operator.cli.waiting import seconds


def command(
    service: Service,
    for_: Annotated[str, typer.Option("--for", help="How long, for instance 2h.", metavar="DURATION")],
    data: Data = None,
) -> None:
    """Keep a service awake for some time; wakes it if it sleeps."""
    seconds(for_)
    answer = connect(data).post(service_path(service, "pin"), {"for": for_})
    if answer["warning"]:
        print(f"warning: {answer['warning']}", file=sys.stderr)
    print(f"{service} is pinned awake until {clock(answer['service']['pin'])}")
