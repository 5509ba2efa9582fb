"""`wakedock logs`."""

from typing import Annotated

import typer

from wakedock_operator.cli.instance import Data, Service, connect, service_path


def command(
    service: Service,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with each new line, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", help="How many of the last lines.", min=1, max=10_000)] = 100,
    data: Data = None,
) -> None:
    """Print the output of an app."""
    client = connect(data)
    path = service_path(service, "logs") + f"?lines={lines}"
    if not follow:
        print(client.get_text(path), end="")
        return
    for line in client.follow(f"{path}&follow=true"):
        print(line, flush=True)
