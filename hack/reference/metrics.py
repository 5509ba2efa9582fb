"""docs/reference/metrics.md, from the metrics themselves."""

from collections.abc import Sequence

from prometheus_client import Metric

from hack.reference.conditions import section
from wakedock_operator.activator.questions import RefusalReason
from wakedock_operator.adapters.metrics import Metrics

_INTRODUCTION = """# Metrics

Made from the metrics themselves by `make docs`. `GET /metrics` answers in the text format of Prometheus: with `wakedock run` in the control
API, on Kubernetes at port 9090 of the operator and of each gateway. All have the same list; the column *counted by* says whose values mean
something, and the others show 0 or no series. Labels are bounded: `namespace` and `name` of services that are
defined, and reasons from closed sets; never a host or path that a client sent. The series of a service go when it is removed.

On Kubernetes a wake is counted by the operator, and its phases are timed by the gateways that held requests for it. Caddy is a container
there, whose restarts Kubernetes counts. The `resource` of a watch is `wakeservices`, and in the operator also each of `--scale-targets`,
`services`, and `pods` (those of the gateways).

"""
_LABELS = """
The `cause` of a wake is one of [WakeReason](conditions.md#wakereason), that of a failure one of
[FailureReason](conditions.md#failurereason); the `reason` of a sleep is one of [DrainReason](conditions.md#drainreason). The `reason` of a
refusal is one of these:

"""
_RUN, _OPERATOR, _GATEWAY = "`wakedock run`", "operator", "gateway"
_ALL = (_RUN, _OPERATOR, _GATEWAY)
COUNTED_BY: dict[str, tuple[str, ...]] = {
    "wakedock_wakes": (_RUN, _OPERATOR),
    "wakedock_wake_duration_seconds": _ALL,
    "wakedock_held": (_RUN, _GATEWAY),
    "wakedock_rejected": (_RUN, _GATEWAY),
    "wakedock_sleeps": (_RUN, _OPERATOR),
    "wakedock_awake": (_RUN, _OPERATOR),
    "wakedock_failing": (_RUN, _OPERATOR),
    "wakedock_asleep_seconds": (_RUN, _OPERATOR),
    "wakedock_steering_switches": (_RUN, _GATEWAY),
    "wakedock_caddy_applies": (_RUN, _GATEWAY),
    "wakedock_caddy_restarts": (_RUN,),
    "wakedock_event_loop_lag_seconds": _ALL,
    "wakedock_reconciles": _ALL,
    "wakedock_watch_age_seconds": (_OPERATOR, _GATEWAY),
    "wakedock_journal_dropped": (_RUN, _OPERATOR),
    "wakedock_build_info": _ALL,
}
"""The processes that tell a metric anything. One that is missing here fails the generation."""


def reference() -> str:
    """The page."""
    registry = Metrics().registry
    rows = [("Metric", "Type", "Labels", "Counted by", "Meaning"), ("---", "---", "---", "---", "---")]
    # The registry keeps the collectors in the order in which they were made.
    for collector in list(registry._collector_to_names):  # noqa: SLF001 - there is no public way to the label names of an empty metric
        for family in collector.collect():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(f"`{label}`" for label in _labels(collector, family)) or "none"
            counted = ", ".join(COUNTED_BY[family.name])
            rows.append((f"`{name}`", family.type, labels, counted, f"{family.documentation}."))
    refusals = section(RefusalReason).partition("| value")
    return _INTRODUCTION + "".join("| " + " | ".join(row) + " |\n" for row in rows) + _LABELS + "".join(refusals[1:])


def _labels(collector: object, family: Metric) -> Sequence[str]:
    labels: Sequence[str] = getattr(collector, "_labelnames", getattr(family, "_labelnames", ()))
    return labels
