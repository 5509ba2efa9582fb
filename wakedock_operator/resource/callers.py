"""`spec.service`: the name under which other pods of a cluster, and its ingresses, reach the app."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StrictInt, StrictStr

from wakedock_operator.resource.identity import MAX_LABEL, dns_label
from wakedock_operator.resource.ignore import MAX_RULES, Network
from wakedock_operator.resource.literals import unique
from wakedock_operator.resource.section import Section

DEFAULT_PORT = 80

_name = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")


def service_name(text: str) -> str:
    """Return `text` if a Service may be called so: a DNS label that begins with a letter. Raises ValueError with a sentence."""
    if not _name.fullmatch(dns_label(text)):
        raise ValueError(f"{text!r} is not the name of a Service: it must begin with a letter")
    return text


ServiceName = Annotated[
    StrictStr, Field(json_schema_extra={"pattern": f"^{_name.pattern}$", "maxLength": MAX_LABEL}), AfterValidator(service_name)
]


class CallersService(Section):
    """A Service in the namespace of the WakeService that leads to the gateways, so that its callers wake the app."""

    name: ServiceName | None = Field(
        default=None,
        description="The name of the Service. By default that of the WakeService for an `app`; needed with `targetRef`, whose own Service "
        "mostly has that name already. A Service that WakeDock did not create is never changed.",
    )
    port: Annotated[StrictInt, Field(ge=1, le=65535)] = Field(default=DEFAULT_PORT, description="The port of the Service.")
    from_: Annotated[tuple[Network, ...], Field(max_length=MAX_RULES), AfterValidator(unique("the network"))] = Field(
        default=(),
        description="The networks whose callers may use this Service, such as `10.244.0.0/16`; others get 403. By default everybody who "
        "reaches it. Addresses are all that a gateway sees of a caller, so namespaces cannot be named: pods of all namespaces share the "
        "cluster's networks.",
    )
