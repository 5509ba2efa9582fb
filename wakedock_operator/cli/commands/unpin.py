"""`wakedock unpin`."""

import sys

from wakedock_operator.cli.asking import Service, asking
from wakedock_operator.cli.client import Client


@asking
def command(client: Client, service: Service) -> None:
    """Take the pin off a service; it sleeps again when nobody needs it."""
    answer = client.delete(client.service(service, "pin"))
    if answer["warning"]:
        print(f"warning: {answer['warning']}", file=sys.stderr)
    print(f"{service} is not pinned")
