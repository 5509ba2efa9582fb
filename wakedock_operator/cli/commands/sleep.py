"""`wakedock sleep`."""

from wakedock_operator.cli.instance import Data, Service, connect, parse_name, service_path
from wakedock_operator.cli.waiting import NoWait, Timeout, asleep, seconds, wait


def command(service: Service, no_wait: NoWait = False, timeout: Timeout = "5m", data: Data = None) -> None:
    """Put a service to sleep, in use or not, and wait until it sleeps."""
    client, within = connect(data), seconds(timeout)
    client.post(service_path(service, "sleep"))
    if no_wait:
        print(f"{service} was asked to sleep")
        return
    print(wait(client, str(parse_name(service)), asleep, within=within))
