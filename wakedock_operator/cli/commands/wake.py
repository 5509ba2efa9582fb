"""`wakedock wake`."""

from wakedock_operator.cli.asking import Service, asking
from wakedock_operator.cli.client import Client
from wakedock_operator.cli.waiting import NoWait, Timeout, seconds, wait, woken


@asking
def command(client: Client, service: Service, no_wait: NoWait = False, timeout: Timeout = "5m") -> None:
    """Wake a service, and wait until it is awake."""
    within = seconds(timeout)
    client.post(client.service(service, "wake"))
    if no_wait:
        print(f"{service} was asked to wake")
        return
    print(wait(client, str(client.key(service)), woken, within=within))
