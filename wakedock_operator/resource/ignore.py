"""`spec.ignore`: requests that neither wake the app nor keep it awake."""

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field, StrictInt, StrictStr

from wakedock_operator.resource.literals import MAX_TEXT, Literal, RoutePath, literal, refuse_braces, refuse_control, unique
from wakedock_operator.resource.section import Section

MAX_RULES = 64

_method = re.compile(r"[A-Z][A-Z_-]{0,31}")


def _read_method(text: str) -> str:
    literal(text)
    method = text.upper()
    if not _method.fullmatch(method):
        raise ValueError(f"{text!r} is not an HTTP method: write it as GET, HEAD or OPTIONS")
    return method


def _read_network(text: str) -> str:
    literal(text)
    if "%" in text:
        raise ValueError(f"{text!r} is not a network: an address with a zone cannot be matched")
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a network: write it as '10.0.0.0/8' or '2001:db8::/32'") from error
    address = text.partition("/")[0]
    if str(network.network_address) != str(ip_network(address).network_address):
        raise ValueError(
            f"{text!r} names one address and its network at once: write {str(network)!r} for the network, {address!r} for the address"
        )
    return str(network)


def _body(text: str) -> str:
    return refuse_control(refuse_braces(text), allowed="\n\t")


Method = Annotated[StrictStr, Field(max_length=32), AfterValidator(_read_method)]
Network = Annotated[StrictStr, Field(max_length=64), AfterValidator(_read_network)]


class DormantAnswer(Section):
    """What an ignored request gets while the app is not awake."""

    status: Annotated[StrictInt, Field(ge=200, le=599)] = Field(default=503, description="The HTTP status.")
    body: Annotated[StrictStr, Field(max_length=MAX_TEXT), AfterValidator(_body)] | None = Field(
        default=None,
        description="A plain text, without braces. By default a problem document (RFC 9457) with `state: asleep` that a monitor can read.",
    )


class Ignore(Section):
    """Which requests do not count: those that match any entry of any list. While the app is awake they are served as usual."""

    user_agents: Annotated[tuple[Literal, ...], Field(max_length=MAX_RULES), AfterValidator(unique("the user agent"))] = Field(
        default=(),
        description="Parts of the `User-Agent` header, taken literally, such as `UptimeRobot`. Upper and lower case are the same.",
    )
    paths: Annotated[tuple[RoutePath, ...], Field(max_length=MAX_RULES), AfterValidator(unique("the path"))] = Field(
        default=(), description="Path prefixes: `/healthz` stands for `/healthz` and everything below it."
    )
    methods: Annotated[tuple[Method, ...], Field(max_length=MAX_RULES), AfterValidator(unique("the method"))] = Field(
        default=(), description="HTTP methods, such as `HEAD` or `OPTIONS`."
    )
    cidrs: Annotated[tuple[Network, ...], Field(max_length=MAX_RULES), AfterValidator(unique("the network"))] = Field(
        default=(), description="Networks of clients, such as `10.0.0.0/8`; a single address is a network too."
    )
    answer: DormantAnswer = Field(default=DormantAnswer(), description="What an ignored request gets while the app is not awake.")
