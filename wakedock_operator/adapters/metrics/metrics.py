"""What WakeDock counts."""

import platform
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from itertools import pairwise

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from wakedock_operator import __version__
from wakedock_operator.adapters.metrics.asleep import AsleepSeconds
from wakedock_operator.adapters.metrics.caddy_restarts import CaddyRestarts
from wakedock_operator.core.status import DrainReason, FailureReason, WakeReason
from wakedock_operator.resource import Key

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
PHASES = ("asked", "started", "answering", "granted")
"""The moments of a wake, in their order."""

_SERVICE = ("namespace", "name")

# A series of its own for the birth of each counter would double what Prometheus stores; its own scrape times say the same.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """One process's metrics, in a registry of their own. Every method is cheap, never raises, and may be called from any thread.

    Without `counts_wakes` wakes are timed only: somebody else counts them (on Kubernetes the operator, whichever gateway held requests).
    """

    def __init__(self, *, counts_wakes: bool = True, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._counts_wakes = counts_wakes
        self.registry = registry = CollectorRegistry()
        self._wakes = Counter(
            "wakedock_wakes",
            "Wakes, by outcome (awake or failed) and cause: who asked for a wake that succeeded, the class of a failure",
            (*_SERVICE, "outcome", "cause"),
            registry=registry,
        )
        self._wake_duration = Histogram(
            "wakedock_wake_duration_seconds",
            "How long successful wakes took, by phase: started (since it was asked for), answering (since started), "
            "granted (since answering), and total",
            ("phase",),
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
            registry=registry,
        )
        self._held = Gauge("wakedock_held", "Requests that wait for an app right now", registry=registry)
        self._rejected = Counter(
            "wakedock_rejected", "Held requests that WakeDock answered itself, by reason", ("reason",), registry=registry
        )
        self._sleeps = Counter("wakedock_sleeps", "Times a service was put to sleep, by reason", (*_SERVICE, "reason"), registry=registry)
        self._awake = Gauge("wakedock_awake", "1 while the service is awake, 0 while it is not", _SERVICE, registry=registry)
        self._failing = Gauge(
            "wakedock_failing",
            "1 while what was started for the service does not come up, or ends again and again, by cause; no series otherwise",
            (*_SERVICE, "cause"),
            registry=registry,
        )
        self._causes: dict[Key, FailureReason] = {}
        self._asleep = AsleepSeconds(monotonic)
        registry.register(self._asleep)
        self._steering_switches = Counter(
            "wakedock_steering_switches", "Times requests were steered somewhere else, to an app or to the hold", registry=registry
        )
        self._caddy_applies = Counter(
            "wakedock_caddy_applies", "Configurations given to Caddy, by outcome (accepted or failed)", ("outcome",), registry=registry
        )
        self.caddy_restarts = CaddyRestarts()
        registry.register(self.caddy_restarts)
        self._lag = Histogram(
            "wakedock_event_loop_lag_seconds",
            "How late the event loop ran what was due",
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
            registry=registry,
        )
        self._monotonic = monotonic
        self._reconciles = Counter(
            "wakedock_reconciles",
            "Looks at one service that decided or kept something, by queue and outcome (done, unreachable or failed)",
            ("queue", "outcome"),
            registry=registry,
        )
        self._watch_age = Gauge(
            "wakedock_watch_age_seconds",
            "How long nothing was heard of a kind that is watched at the API server; a quiet cluster is no fault",
            ("resource",),
            registry=registry,
        )
        self._journal_dropped = Counter("wakedock_journal_dropped", "Events that could not be written to the history", registry=registry)
        build = Gauge(
            "wakedock_build_info", "1, with the versions of WakeDock and Python as labels", ("version", "python"), registry=registry
        )
        build.labels(__version__, platform.python_version()).set(1)

    def __repr__(self) -> str:
        return f"<Metrics held={self.registry.get_sample_value('wakedock_held')}>"

    def woke(self, key: Key, cause: WakeReason, phases: Mapping[str, float]) -> None:
        """A wake succeeded. `phases` are seconds since it was asked for; a phase is timed where it and the one before are known."""
        if self._counts_wakes:
            self._wakes.labels(key.namespace, key.name, "awake", cause.value).inc()
        moments = {"asked": 0.0, **phases}
        for before, phase in pairwise(PHASES):
            if before in moments and phase in moments:
                self._wake_duration.labels(phase).observe(max(0.0, moments[phase] - moments[before]))
        if "granted" in phases:
            self._wake_duration.labels("total").observe(phases["granted"])

    def wake_failed(self, key: Key, cause: FailureReason) -> None:
        """A start was given up."""
        self._wakes.labels(key.namespace, key.name, "failed", cause.value).inc()

    def failing(self, key: Key, cause: FailureReason | None) -> None:
        """What was started does not come up for this cause, or (None) there is no such thing."""
        before = self._causes.get(key)
        if before is cause:
            return
        if before is not None:
            self._failing.remove_by_labels({"namespace": key.namespace, "name": key.name})
            del self._causes[key]
        if cause is not None:
            self._causes[key] = cause
            self._failing.labels(key.namespace, key.name, cause.value).set(1)

    def slept(self, key: Key, reason: DrainReason) -> None:
        """A service was put to sleep."""
        self._sleeps.labels(key.namespace, key.name, reason.value).inc()

    def awake(self, key: Key, awake: bool) -> None:  # noqa: FBT001 - the state itself, as in `awake(key, serving is AWAKE)`
        """The service is awake, or not, from now on."""
        self._awake.labels(key.namespace, key.name).set(awake)
        self._asleep.awake(key, awake=awake)

    def held(self, total: int) -> None:
        """So many requests wait right now."""
        self._held.set(total)

    def rejected(self, reason: StrEnum) -> None:
        """A held request was answered by WakeDock itself."""
        self._rejected.labels(reason.value).inc()

    def steered(self) -> None:
        """Requests of a service go somewhere else now."""
        self._steering_switches.inc()

    def applied(self, ok: bool) -> None:  # noqa: FBT001 - the outcome itself, as in `applied(not rejected)`
        """Caddy was given a configuration, and took it or not."""
        self._caddy_applies.labels("accepted" if ok else "failed").inc()

    def lagged(self, seconds: float) -> None:
        """The event loop was so late."""
        self._lag.observe(seconds)

    def reconciled(self, queue: str, outcome: str) -> None:
        """A look at one service ended so."""
        self._reconciles.labels(queue, outcome).inc()

    def watches(self, resource: str, last_heard: Callable[[], float]) -> None:
        """A watch of `resource`, which heard something last at `last_heard()` on the monotonic clock."""
        self._watch_age.labels(resource).set_function(lambda: self._monotonic() - last_heard())

    def journal_dropped(self, number: int) -> None:
        """So many events could not be written."""
        self._journal_dropped.inc(number)

    def forget(self, key: Key) -> None:
        """A service has ended: its series go."""
        labels = {"namespace": key.namespace, "name": key.name}
        for metric in (self._wakes, self._sleeps, self._awake):
            metric.remove_by_labels(labels)
        self._asleep.forget(key)
        self.failing(key, None)

    def render(self) -> bytes:
        """The text that Prometheus reads, of `CONTENT_TYPE`."""
        return generate_latest(self.registry)
