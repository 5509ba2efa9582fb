"""`wakedock unpin`."""

import sys

from wakedock_operator.cli.instance import Data, Service, connect, service_path


def command(service: Service, data: Data = None) -> None:
    """Take the pin off a service; it sleeps again when nobody needs it."""
    answer = connect(data).delete(service_path(service, "pin"))
    if answer["warning"]:
        print(f"warning: {answer['warning']}", file=sys.stderr)
    print(f"{service} is not pinned")
