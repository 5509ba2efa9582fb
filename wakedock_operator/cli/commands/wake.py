"""`wakedock wake`."""

from wakedock_operator.cli.instance import Data, Service, connect, parse_name, service_path
from wakedock_operator.cli.waiting import NoWait, Timeout, seconds, wait, woken


def command(service: Service, no_wait: NoWait = False, timeout: Timeout = "5m", data: Data = None) -> None:
    """Wake a service, and wait until it is awake."""
    client, within = connect(data), seconds(timeout)
    client.post(service_path(service, "wake"))
    if no_wait:
        print(f"{service} was asked to wake")
        return
    print(wait(client, str(parse_name(service)), woken, within=within))
