"""Prometheus metrics: bounded labels, no raw Host."""

from wakedock_operator.adapters.metrics.loop_lag import watch_loop_lag
from wakedock_operator.adapters.metrics.metrics import CONTENT_TYPE, Metrics

__all__ = ["CONTENT_TYPE", "Metrics", "watch_loop_lag"]
