"""The WakeService itself."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StrictStr, model_validator

from wakedock_operator.resource.app import App
from wakedock_operator.resource.callers import CallersService
from wakedock_operator.resource.dependencies import Dependency
from wakedock_operator.resource.durations import PositiveDuration
from wakedock_operator.resource.hosts import Host
from wakedock_operator.resource.identity import DEFAULT_NAMESPACE, DnsLabel, Key
from wakedock_operator.resource.ignore import Ignore
from wakedock_operator.resource.literals import RoutePath, unique
from wakedock_operator.resource.references import dependency_references
from wakedock_operator.resource.schedule import ScheduleRule
from wakedock_operator.resource.section import Section, mistake_at
from wakedock_operator.resource.sleep import Sleep
from wakedock_operator.resource.target import TargetRef
from wakedock_operator.resource.waiting_page import WaitingPage
from wakedock_operator.resource.wake import Wake

API_VERSION: Literal["wakedock.dev/v1alpha1"] = "wakedock.dev/v1alpha1"
KIND: Literal["WakeService"] = "WakeService"


class Protocol(StrEnum):
    """What the app speaks."""

    HTTP = "http"
    H2C = "h2c"
    HTTPS = "https"


class Metadata(Section):
    """Who the service is."""

    name: DnsLabel = Field(description="The name: a DNS label, unique in its namespace.")
    namespace: DnsLabel = Field(default=DEFAULT_NAMESPACE, description="The namespace: a DNS label. Dependencies share it.")
    labels: dict[StrictStr, StrictStr] = Field(
        default_factory=dict, description="Labels for people and tools; WakeDock reads none of them."
    )
    annotations: dict[StrictStr, StrictStr] = Field(
        default_factory=dict, description="Notes for people and tools; WakeDock reads none of them."
    )

    def __hash__(self) -> int:
        return hash((self.namespace, self.name))


class Spec(Section):
    """What the person wants."""

    hosts: Annotated[tuple[Host, ...], Field(max_length=64), AfterValidator(unique("the host"))] = Field(
        default=(),
        description="The host names that lead to the app: exact ones and patterns such as `*.example.org`, which stand for exactly "
        "one label. "
        "An exact host wins over a pattern. Without hosts no request can reach the app; then only its dependants wake it.",
    )
    paths: Annotated[tuple[RoutePath, ...], Field(min_length=1, max_length=64), AfterValidator(unique("the path"))] = Field(
        default=("/",),
        description="Path prefixes, taken literally: `/a` stands for `/a` and `/a/…`. The longest prefix wins among the services of "
        "one host.",
    )
    app: App | None = Field(default=None, description="The workload, created by WakeDock. Either this or `targetRef`.")
    target_ref: TargetRef | None = Field(default=None, description="An existing workload in the same namespace. Either this or `app`.")
    port: Annotated[StrictInt, Field(ge=1, le=65535)] | None = Field(
        default=None,
        description="The port on which the app listens. By default a free one is chosen for each start and given in `$PORT`; on Kubernetes "
        "it is needed where there are hosts, a service or a readiness that asks the port.",
    )
    protocol: Protocol = Field(
        default=Protocol.HTTP,
        description="What the app speaks: `http`, `h2c` (HTTP/2 without TLS, which gRPC needs), or `https` (its certificate is not "
        "checked).",
    )
    idle_timeout: PositiveDuration = Field(
        default=timedelta(minutes=5), description="How long the app stays awake after the last request has ended."
    )
    replicas: Annotated[StrictInt, Field(ge=1, le=10_000)] = Field(
        default=1,
        description="How many instances are started at a wake. A `targetRef` wakes to the number it last had; this one counts only where "
        "none is known.",
    )
    max_connections: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="How many requests each gateway sends to the app at once; further ones wait. By default there is no limit.",
    )
    service: CallersService | None = Field(
        default=None,
        description="A Service through which other pods, and ingresses that name it, reach the app and wake it, as `http://web.shop`. "
        "An `app` with a port has one of its own name without being asked.",
    )
    suspend: StrictBool = Field(
        default=False,
        description="Take the service out of use: it is put to sleep, no request wakes it, and every request is answered with 503.",
    )
    wake: Wake = Field(default=Wake(), description="How the app is woken.")
    sleep: Sleep = Field(default=Sleep(), description="How the app is put to sleep.")
    schedule: tuple[ScheduleRule, ...] = Field(
        default=(),
        max_length=64,
        description="Times at which the app is kept awake or put to sleep. Where an `Awake` and an `Asleep` rule overlap, `Awake` wins.",
    )
    ignore: Ignore = Field(default=Ignore(), description="Requests that neither wake the app nor keep it awake, such as those of monitors.")
    depends_on: Annotated[tuple[Dependency, ...], Field(max_length=16)] = Field(
        default=(),
        description="Services of the same namespace that are woken before this one and stay awake as long as it does, "
        "as names or as objects with `name` and `wait`.",
    )
    waiting_page: WaitingPage = Field(default=WaitingPage(), description="What a browser shows while the app starts.")

    @model_validator(mode="after")
    def _one_workload(self) -> Self:
        if self.app is None and self.target_ref is None:
            raise mistake_at(message="needs either 'app' (a workload that WakeDock creates) or 'targetRef' (one that exists)")
        if self.app is not None and self.target_ref is not None:
            raise mistake_at("targetRef", message="there can be either 'app' or 'targetRef', not both; take one out")
        return self

    @model_validator(mode="after")
    def _service_named(self) -> Self:
        if self.target_ref is not None and self.service is not None and self.service.name is None:
            raise mistake_at("service", "name", message="is needed with 'targetRef': choose a name that no Service has yet")
        return self

    @model_validator(mode="after")
    def _dependencies_named_once(self) -> Self:
        names = [dependency.name for dependency in self.depends_on]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise mistake_at("dependsOn", index, message=f"the dependency {name!r} is there twice; take one out")
        return self

    @model_validator(mode="after")
    def _ports_of_dependencies(self) -> Self:
        names = {dependency.name for dependency in self.depends_on}
        for place, text in self._templates():
            for name in dependency_references(text):
                if name not in names:
                    raise mistake_at(
                        *place, message=f"'$(PORT:{name})' asks for the port of {name!r}, which is not in dependsOn; add it there"
                    )
        return self

    def _templates(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if self.app is not None:
            for place, text in self.app.templates():
                yield ("app", *place), text
        readiness = self.wake.readiness
        if readiness is not None and readiness.command is not None:
            for index, word in enumerate(readiness.command.command):
                yield ("wake", "readiness", "command", "command", index), word


class WakeService(Section):
    """An app that sleeps while nobody needs it."""

    api_version: Literal["wakedock.dev/v1alpha1"] = Field(default=API_VERSION, description="The version of this format.")
    kind: Literal["WakeService"] = Field(default=KIND, description="The kind of this object.")
    metadata: Metadata = Field(description="Who the service is.")
    spec: Spec = Field(description="What the person wants.")

    @model_validator(mode="after")
    def _not_its_own_dependency(self) -> Self:
        for index, dependency in enumerate(self.spec.depends_on):
            if dependency.name == self.metadata.name:
                raise mistake_at("spec", "dependsOn", index, message="a service cannot depend on itself; take it out")
        return self

    @property
    def key(self) -> Key:
        return Key(self.metadata.namespace, self.metadata.name)

    @property
    def dependencies(self) -> tuple[Key, ...]:
        """The services that this one depends on, in the order in which they are written."""
        return tuple(Key(self.metadata.namespace, dependency.name) for dependency in self.spec.depends_on)

    @property
    def service_name(self) -> str | None:
        """The Service through which a cluster's callers reach the app: as `spec.service` says, an app's own name, or none."""
        spec = self.spec
        if spec.service is not None and spec.service.name is not None:
            return spec.service.name
        return self.metadata.name if spec.app is not None and spec.port is not None else None

    @property
    def chose_service_name(self) -> bool:
        """Whether the definition names that Service itself: then it must have that name."""
        return self.spec.service is not None and self.spec.service.name is not None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what a person wrote: only the camelCase names count. Raises pydantic.ValidationError; `mistakes` explains it."""
        return cls.model_validate(document, by_alias=True, by_name=False)

    @classmethod
    def from_stored(cls, document: Mapping[str, Any]) -> Self:
        """Read what an API server keeps, which may be newer than this program: what is not known is left out, at every level.

        Labels and annotations are left out too: they change without a change of the service. Raises pydantic.ValidationError for a value
        that is not known or not possible; `mistakes` explains it.
        """
        metadata = document.get("metadata")
        who = {name: metadata[name] for name in ("name", "namespace") if name in metadata} if isinstance(metadata, Mapping) else metadata
        return cls.model_validate({**document, "metadata": who}, by_alias=True, by_name=False, extra="ignore")

    def document(self) -> dict[str, Any]:
        """The service as a document of plain JSON values, defaults left out. `from_document` reads it back."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            **self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"api_version", "kind"}),
        }
