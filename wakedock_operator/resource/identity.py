"""Who a WakeService is: a namespace and a name."""

import re
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StrictStr

DEFAULT_NAMESPACE = "default"
MAX_LABEL = 63
DNS_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"

DNS_SUBDOMAIN = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
MAX_SUBDOMAIN = 253

_label = re.compile(DNS_LABEL)
_subdomain = re.compile(DNS_SUBDOMAIN)


def dns_label(text: str) -> str:
    """Return `text` if it is a DNS label (RFC 1123), which is what Kubernetes calls a name. Raises ValueError with a sentence."""
    if not text:
        raise ValueError("a name must not be empty")
    if len(text) > MAX_LABEL:
        raise ValueError(f"'{text[:20]}…' has {len(text)} characters; a name has at most {MAX_LABEL}")
    if not _label.fullmatch(text):
        raise ValueError(f"{text!r} is not a name: use lower-case letters, digits and '-', with a letter or digit first and last")
    return text


def object_name(text: str) -> str:
    """Return `text` if it is a DNS subdomain, which names most objects of Kubernetes. Raises ValueError with a sentence."""
    if not _subdomain.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of an object: use lower-case letters, digits, '-' and '.'")
    return text


DnsLabel = Annotated[str, Field(json_schema_extra={"pattern": f"^{DNS_LABEL}$", "maxLength": MAX_LABEL}), AfterValidator(dns_label)]
ObjectName = Annotated[
    StrictStr, Field(max_length=MAX_SUBDOMAIN, json_schema_extra={"pattern": f"^{DNS_SUBDOMAIN}$"}), AfterValidator(object_name)
]


@dataclass(frozen=True, order=True, slots=True)
class Key:
    """The identity of a service, everywhere in WakeDock. Both parts are DNS labels; anything else is a ValueError."""

    namespace: str
    name: str

    def __post_init__(self) -> None:
        dns_label(self.namespace)
        dns_label(self.name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def file_name(self) -> str:
        """`namespace.name`: unambiguous, because a DNS label holds no dot. Also the id of the service's route."""
        return f"{self.namespace}.{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `namespace/name`, or `name` alone in the namespace `default`. Raises ValueError with a sentence."""
        namespace, slash, name = text.rpartition("/")
        if not slash:
            namespace = DEFAULT_NAMESPACE
        if "/" in namespace:
            raise ValueError(f"{text!r} names no service: write 'name' or 'namespace/name'")
        return cls(namespace, name)

    @classmethod
    def from_file_name(cls, text: str) -> Self:
        """Read `namespace.name`, the reverse of `file_name`. Raises ValueError with a sentence."""
        namespace, dot, name = text.partition(".")
        if not dot:
            raise ValueError(f"{text!r} is not 'namespace.name'")
        return cls(namespace, name)
