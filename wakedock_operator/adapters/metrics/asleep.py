"""The time that services have spent asleep, counted when it is asked for."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from wakedock_operator.resource import Key


class AsleepSeconds(Collector):
    """`wakedock_asleep_seconds_total`: grows while a service sleeps, without a timer. `monotonic` reads seconds."""

    NAME = "wakedock_asleep_seconds"
    HELP = "Seconds that the service has spent asleep since WakeDock started"

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._slept: dict[Key, float] = {}
        self._asleep_since: dict[Key, float] = {}

    def describe(self) -> Iterator[Metric]:
        yield CounterMetricFamily(self.NAME, self.HELP, labels=("namespace", "name"))

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self.NAME, self.HELP, labels=("namespace", "name"))
        now = self._monotonic()
        for key, slept in self._slept.items():
            family.add_metric((key.namespace, key.name), slept + now - self._asleep_since.get(key, now))
        yield family

    def awake(self, key: Key, *, awake: bool) -> None:
        """The service is awake, or asleep, from now on. Saying it again changes nothing."""
        now = self._monotonic()
        if awake:
            self._slept[key] = self._slept.get(key, 0.0) + now - self._asleep_since.pop(key, now)
        else:
            self._slept.setdefault(key, 0.0)
            self._asleep_since.setdefault(key, now)

    def forget(self, key: Key) -> None:
        """The service has ended."""
        self._slept.pop(key, None)
        self._asleep_since.pop(key, None)
