"""How often Caddy had to be started again, read where it is known when it is asked for."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class CaddyRestarts(Collector):
    """`wakedock_caddy_restarts_total`. There is nothing to show until `source` is set: somebody else may keep Caddy running."""

    NAME = "wakedock_caddy_restarts"
    HELP = "Times Caddy had ended by itself and was started again"

    def __init__(self) -> None:
        self.source: Callable[[], int] | None = None

    def describe(self) -> Iterator[Metric]:
        yield CounterMetricFamily(self.NAME, self.HELP)

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(self.NAME, self.HELP, value=None if self.source is None else self.source())
