"""`wakedock logs`."""

from typing import Annotated

import typer

from wakedock_operator.cli.asking import Service, asking
from wakedock_operator.cli.client import Client


@asking
def command(
    client: Client,
    service: Service,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with each new line, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", help="How many of the last lines.", min=1, max=10_000)] = 100,
) -> None:
    """Print the output of an app."""
    path = client.service(service, "logs") + f"?lines={lines}"
    if not follow:
        print(client.get_text(path), end="")
        return
    for line in client.follow(f"{path}&follow=true"):
        print(line, flush=True)
