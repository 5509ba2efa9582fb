"""`spec.sleep`: how and when the app is put to sleep."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from wakedock_operator.resource.durations import Duration, PositiveDuration
from wakedock_operator.resource.literals import RequestPath
from wakedock_operator.resource.section import Section


class SleepMode(StrEnum):
    """What sleeping means for the workload."""

    STOP = "Stop"
    PAUSE = "Pause"
    RECREATE = "Recreate"
    NEVER = "Never"


class OnExit(StrEnum):
    """What happens to an awake app when WakeDock itself ends."""

    KEEP = "Keep"
    SLEEP = "Sleep"


class HttpVeto(Section):
    """A question to the app."""

    path: RequestPath = Field(
        description="What is asked for with a GET before each sleep. The status 409 keeps the app awake, any other lets it sleep."
    )
    timeout: PositiveDuration = Field(
        default=timedelta(seconds=1),
        description="How long the answer may take. No answer in time keeps the app awake, and it is asked again later.",
    )


class Veto(Section):
    """A way for the app to say that it must stay awake."""

    http: HttpVeto = Field(description="Ask the app itself.")


class Sleep(Section):
    """How the app is put to sleep."""

    mode: SleepMode = Field(
        default=SleepMode.STOP,
        description="`Stop`: the workload is stopped. `Pause`: it is frozen and keeps its memory; it wakes in milliseconds (not on "
        "Kubernetes). `Recreate`: it is stopped and made anew at each wake, for images that do not survive a restart. `Never`: the first "
        "request wakes it, then it stays awake however idle it is. What is forced still ends it: `wakedock sleep`, a schedule's `Asleep`, "
        "the forced sleep of something it depends on.",
    )
    min_awake: Duration | None = Field(
        default=None, description="How long the app stays awake at least after each wake. A forced sleep does not wait for it."
    )
    grace_period: Duration = Field(
        default=timedelta(seconds=10), description="How long the app may take to end after `app.stopSignal`; then it is killed."
    )
    max_connection_age: PositiveDuration | None = Field(
        default=None,
        description="When no new request came for this long, connections that are older no longer keep the app awake and are cut by "
        "its sleep. "
        "For WebSockets and streams that never end. By default every open connection keeps the app awake.",
    )
    on_exit: OnExit = Field(
        default=OnExit.KEEP,
        description="What happens to the awake app when WakeDock is stopped. `Keep`: it runs on, and the next start takes it over. "
        "`Sleep`: it is put to sleep, and in `mode: Pause` stays frozen in memory.",
    )
    veto: Veto | None = Field(default=None, description="Ask before each sleep whether the app must stay awake.")
