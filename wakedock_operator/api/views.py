"""What the control API says about services, field by field."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from wakedock_operator.core.status import Asker
from wakedock_operator.resource import PositiveDuration
from wakedock_operator.resource.durations import Duration

Seconds = Annotated[float, PlainSerializer(lambda seconds: round(seconds, 3), return_type=float)]


class State(StrEnum):
    """What a service does right now."""

    ASLEEP = "asleep"
    WAKING = "waking"
    AWAKE = "awake"
    DRAINING = "draining"
    SUSPENDED = "suspended"
    FAILED = "failed"
    REMOVED = "removed"


class View(BaseModel):
    """An object of the API: immutable, camelCase outside."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


class AskerView(View):
    """Who asked for a wake. Never with a query string."""

    at: datetime = Field(description="When the request came.")
    method: str = Field(default="", description="The HTTP method.")
    host: str = Field(default="", description="The host that was asked for.")
    path: str = Field(default="", description="The path, without query.")
    user_agent: str = Field(default="", description="What the client calls itself.")
    client: str = Field(default="", description="The client's address.")

    @classmethod
    def of(cls, asker: Asker | None) -> "AskerView | None":
        """The view of an asker, if there is one."""
        if asker is None:
            return None
        return cls(at=asker.at, method=asker.method, host=asker.host, path=asker.path, user_agent=asker.user_agent, client=asker.client)


class BlockedView(View):
    """What keeps an awake service from sleeping, or holds up its sleep."""

    reason: str = Field(description="A reason of the condition `SleepBlocked`.")
    message: str = Field(description="The same in words.")


class ChangeView(View):
    """The next change that is known in advance."""

    at: datetime = Field(description="When it comes, if nothing else happens first.")
    what: str = Field(description="What will happen then, in words.")


class FailureView(View):
    """Why the last start failed."""

    reason: str = Field(description="The class of the cause; this much strangers see too.")
    message: str = Field(description="What happened.")
    retry_after: Seconds = Field(description="How long after the failure requests get its cause at once, in seconds.")
    log: tuple[str, ...] = Field(default=(), description="The last lines of the app's output. Only for a single service.")


class ConditionView(View):
    """A Kubernetes-style condition."""

    type: str = Field(description="`Accepted`, `Routed`, `Awake`, `Ready` or `SleepBlocked`.")
    status: str = Field(description="`True`, `False` or `Unknown`.")
    reason: str = Field(description="A documented word.")
    message: str = Field(default="", description="The same in words.")
    since: datetime | None = Field(default=None, description="When the status last changed.")


class TokensView(View):
    """The tokens of wishes, as `wake` and `sleep` gave them back."""

    wake: str = Field(default="", description="Of a wish to wake; handled when it was met or given up.")
    sleep: str = Field(default="", description="Of a wish to sleep; handled when it was acted on.")


class WakeView(View):
    """One wake of the past."""

    at: datetime = Field(description="When it was recorded.")
    cause: str = Field(description="Why it was woken: `Request`, `Command`, `Schedule` …")
    asker: AskerView | None = Field(default=None, description="Who asked, where a request did.")
    phases: dict[str, Seconds] = Field(description="Seconds since the wake was asked for: `asked`, `started`, `answering`, `granted`.")


class InstanceView(View):
    """One running copy of the app."""

    id: str = Field(description="Its identity at the backend: unlike that of any other, before or after.")
    name: str = Field(description="What people call it: the pod's name on Kubernetes, else its id.")
    address: str = Field(description="Where it is dialled; empty for an app without a port.")
    ready: bool = Field(description="It has answered its readiness probe.")
    terminating: bool = Field(description="It is on its way out.")


class ServiceView(View):
    """One service, as `ls` shows it."""

    namespace: str = Field(description="Its namespace.")
    name: str = Field(description="Its name.")
    hosts: tuple[str, ...] = Field(description="The hosts that lead to it.")
    paths: tuple[str, ...] = Field(description="The path prefixes that lead to it.")
    state: State = Field(description="What it does right now.")
    reason: str = Field(description="Why, as one word: a reason of waking, of sleeping, or of a failure.")
    explanation: str = Field(description="Why, as a sentence.")
    since: datetime | None = Field(description="Since when it serves, drains or sleeps; null before it was first seen.")
    idle_since: datetime | None = Field(default=None, description="Since when it is not in use; null while in use and where nobody knows.")
    idle_timeout: Duration = Field(description="How long it stays awake after the last request.")
    blocked: BlockedView | None = Field(default=None, description="What keeps it from sleeping, or holds up its sleep.")
    next_change: ChangeView | None = Field(default=None, description="The next change that is known in advance.")
    pin: datetime | None = Field(default=None, description="It is kept awake until then.")
    failure: FailureView | None = Field(default=None, description="Why the last start failed.")
    problem: str | None = Field(default=None, description="Why its newest definition is not used.")
    conditions: tuple[ConditionView, ...] = Field(default=(), description="The conditions.")
    asked: TokensView = Field(default=TokensView(), description="The newest wishes. One that stands in `handled` too was acted on.")
    handled: TokensView = Field(default=TokensView(), description="Wishes that were acted on.")
    epoch: int = Field(default=0, description="Grows with each change between awake, draining and asleep.")

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


class ServiceDetail(ServiceView):
    """One service, as `describe` shows it."""

    source: str = Field(default="", description="Where its definition is.")
    typical_wake: Seconds | None = Field(default=None, description="Median of how long the last wakes took, in seconds.")
    last_wakes: tuple[WakeView, ...] = Field(default=(), description="The last wakes, newest first.")
    woken_by: AskerView | None = Field(default=None, description="Who asked for the present wake.")
    instances: tuple[InstanceView, ...] = Field(default=(), description="What runs.")
    depends_on: tuple[str, ...] = Field(default=(), description="The services that it needs.")
    dependants: tuple[str, ...] = Field(default=(), description="The services that need it.")


class ServiceList(View):
    """All services."""

    services: tuple[ServiceView, ...] = Field(description="By namespace and name.")


class Asked(View):
    """A wish was recorded. It is met when the service's `handled` shows the token."""

    token: str = Field(default="", description="The value that `handled` will show; empty for pins.")
    warning: str = Field(default="", description="What will be missing, in words; empty when nothing will.")
    service: ServiceView = Field(description="The service right after.")


class PinRequest(View):
    """How long to keep a service awake."""

    for_: PositiveDuration = Field(alias="for", description="A duration such as `2h` or `1h30m`, from now on.")


class EventView(View):
    """One line of history."""

    at: datetime = Field(description="When it happened.")
    service: str = Field(description="`namespace/name`.")
    kind: str = Field(description="What happened.")
    reason: str = Field(default="", description="Why, as one word.")
    message: str = Field(default="", description="More, in words.")
    asker: AskerView | None = Field(default=None, description="Who asked for it, where a request did.")
    phases: dict[str, Seconds] = Field(default_factory=dict, description="For a wake: seconds since it was asked for, by phase.")


class EventList(View):
    """History."""

    events: tuple[EventView, ...] = Field(description="Newest first.")


class SourceProblem(View):
    """Something in a source of definitions that is not served."""

    source: str = Field(description="Where it is.")
    message: str = Field(description="What is wrong.")


class Overview(View):
    """WakeDock as a whole."""

    version: str = Field(description="The version of WakeDock.")
    services: dict[State, int] = Field(description="How many services are in each state.")
    held: int = Field(description="How many requests wait for an app right now.")
    problems: tuple[SourceProblem, ...] = Field(
        description="Definitions that are not served as they are written, and wishes that cannot be kept."
    )
    unreadable: tuple[str, ...] = Field(description="Sources that cannot be read: their services stay as they were.")
    events_dropped: int = Field(description="Events that could not be written to the history.")


class HealthView(View):
    """Whether WakeDock works."""

    live: bool = Field(description="False: restart it.")
    ready: bool = Field(description="False: do not send it requests yet.")
    reasons: tuple[str, ...] = Field(description="Why not, in words.")


LONGEST_PIN = timedelta(days=366)
