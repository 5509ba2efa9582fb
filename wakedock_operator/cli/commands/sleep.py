"""`wakedock sleep`."""

from wakedock_operator.cli.asking import Service, asking
from wakedock_operator.cli.client import Client
from wakedock_operator.cli.waiting import NoWait, Timeout, asleep, seconds, wait


@asking
def command(client: Client, service: Service, no_wait: NoWait = False, timeout: Timeout = "5m") -> None:
    """Put a service to sleep, in use or not, and wait until it sleeps."""
    within = seconds(timeout)
    client.post(client.service(service, "sleep"))
    if no_wait:
        print(f"{service} was asked to sleep")
        return
    print(wait(client, str(client.key(service)), asleep, within=within))
