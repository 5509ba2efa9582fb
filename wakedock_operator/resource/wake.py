"""`spec.wake`: what happens to requests while the app starts."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt

from wakedock_operator.resource.durations import PositiveDuration
from wakedock_operator.resource.readiness import Readiness
from wakedock_operator.resource.section import Section


class OnCold(StrEnum):
    """What a request gets that arrives while the app sleeps."""

    AUTO = "Auto"
    HOLD = "Hold"
    PAGE = "Page"


class Via(StrEnum):
    """Where the first requests after a wake go."""

    POD = "Pod"
    SERVICE = "Service"


class Wake(Section):
    """How the app is woken."""

    timeout: PositiveDuration = Field(
        default=timedelta(seconds=60),
        description="How long a request waits for the app at most. A start that is known to have failed ends the wait at once.",
    )
    on_cold: OnCold = Field(
        default=OnCold.AUTO,
        description="What a request gets while the app sleeps or starts. `Auto`: a browser that opens a page gets the waiting page, "
        "everything "
        "else is held and gets the app's own answer. `Hold`: everything is held. `Page`: every GET that accepts HTML gets the waiting "
        "page.",
    )
    max_held: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = Field(
        default=1000,
        description="How many requests may wait for this app at once (on Kubernetes: at each gateway). One more is refused with 503.",
    )
    readiness: Readiness | None = Field(
        default=None,
        description="When the app may get requests. By default: as soon as it answers `GET /` with any HTTP status below 500. "
        "A gRPC server that resets a GET is asked with the health check of gRPC instead, which it need not have.",
    )
    fail_fast: StrictBool = Field(
        default=False,
        description="What to do while a failed start keeps being tried again: `true` answers requests with the cause of the failure, "
        "`false` lets them wait until `timeout` for a try that succeeds. It makes a difference on Kubernetes, which tries again by itself; "
        "a process that did not start is answered with the cause at once, either way.",
    )
    via: Via = Field(
        default=Via.POD,
        description="Where the first requests go on Kubernetes. `Pod`: to a pod as soon as it answers. `Service`: only to the Service's "
        "address, for meshes that refuse connections to pods; the wake then waits until Kubernetes calls the pod ready, and the pod of an "
        "earlier sleep is gone.",
    )
