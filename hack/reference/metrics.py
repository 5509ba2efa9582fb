"""docs/reference/metrics.md, from the metrics themselves."""

from collections.abc import Sequence

from prometheus_client import Metric

from wakedock_operator.adapters.metrics import Metrics

_INTRODUCTION = """# Metrics

`GET /metrics` of the control API answers in the text format of Prometheus. Labels are bounded: `namespace` and `name` of services that are
defined, and reasons from closed sets; never a host or path that a client sent. The series of a service go when it is removed.

"""


def reference() -> str:
    """The page."""
    registry = Metrics().registry
    rows = [("Metric", "Type", "Labels", "Meaning"), ("---", "---", "---", "---")]
    # The registry keeps the collectors in the order in which they were made.
    for collector in list(registry._collector_to_names):  # noqa: SLF001 - there is no public way to the label names of an empty metric
        for family in collector.collect():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(f"`{label}`" for label in _labels(collector, family)) or "none"
            rows.append((f"`{name}`", family.type, labels, f"{family.documentation}."))
    return _INTRODUCTION + "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _labels(collector: object, family: Metric) -> Sequence[str]:
    labels: Sequence[str] = getattr(collector, "_labelnames", getattr(family, "_labelnames", ()))
    return labels
