"""What is counted, and that Prometheus likes how it is said."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hack.reference.metrics import reference
from wakedock_operator.adapters.metrics import Metrics, watch_loop_lag
from wakedock_operator.core.status import DrainReason, FailureReason, WakeReason
from wakedock_operator.resource import Key

HELLO, OTHER = Key("default", "hello"), Key("default", "other")
REFERENCE = Path(__file__).parents[3] / "docs/reference/metrics.md"


def used(metrics: Metrics) -> Metrics:
    """Every metric with at least one series."""
    for key in (HELLO, OTHER):
        metrics.woke(key, WakeReason.REQUEST, {"asked": 0.0, "started": 0.5, "answering": 1.5, "granted": 1.75})
        metrics.wake_failed(key, FailureReason.EXITED)
        metrics.failing(key, FailureReason.IMAGE_PULL)
        metrics.slept(key, DrainReason.IDLE)
        metrics.awake(key, False)
    metrics.held(3)
    metrics.rejected(FailureReason.EXITED)
    metrics.steered()
    metrics.applied(True)
    metrics.applied(False)
    metrics.caddy_restarts.source = lambda: 2
    metrics.lagged(0.002)
    metrics.journal_dropped(2)
    metrics.reconciled("controller", "done")
    metrics.watches("wakeservices", lambda: 0.0)
    return metrics


def value(metrics: Metrics, metric: str, /, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(metric, labels)


def test_a_wake_is_counted_by_outcome_and_cause_and_timed_by_phase():
    metrics = used(Metrics())
    assert value(metrics, "wakedock_wakes_total", namespace="default", name="hello", outcome="awake", cause="Request") == 1
    assert value(metrics, "wakedock_wakes_total", namespace="default", name="hello", outcome="failed", cause="Exited") == 1
    sums = {
        phase: value(metrics, "wakedock_wake_duration_seconds_sum", phase=phase) for phase in ("started", "answering", "granted", "total")
    }
    assert sums == {"started": 1.0, "answering": 2.0, "granted": 0.5, "total": 3.5}


def test_the_age_of_a_watch_is_counted_from_what_it_heard_last():
    now = 100.0
    metrics = Metrics(monotonic=lambda: now)
    metrics.watches("wakeservices", lambda: 70.0)
    assert value(metrics, "wakedock_watch_age_seconds", resource="wakeservices") == 30.0


def test_a_phase_is_timed_only_where_the_one_before_is_known():
    metrics = Metrics()
    metrics.woke(HELLO, WakeReason.COMMAND, {"answering": 1.0, "granted": 1.5})
    counts = {
        phase: value(metrics, "wakedock_wake_duration_seconds_sum", phase=phase) for phase in ("started", "answering", "granted", "total")
    }
    assert counts == {"started": None, "answering": None, "granted": 0.5, "total": 1.5}


def test_a_wake_whose_phases_are_unknown_is_counted_without_a_duration():
    metrics = Metrics()
    metrics.woke(HELLO, WakeReason.ADOPTED, {})
    assert value(metrics, "wakedock_wakes_total", namespace="default", name="hello", outcome="awake", cause="Adopted") == 1
    assert value(metrics, "wakedock_wake_duration_seconds_count", phase="total") is None


def test_time_asleep_grows_only_while_asleep():
    now = [100.0]
    metrics = Metrics(monotonic=lambda: now[0])

    def asleep() -> float | None:
        return value(metrics, "wakedock_asleep_seconds_total", namespace="default", name="hello")

    metrics.awake(HELLO, True)
    now[0] += 10
    assert asleep() == 0
    metrics.awake(HELLO, False)
    now[0] += 5
    metrics.awake(HELLO, False)
    now[0] += 5
    assert asleep() == 10
    assert value(metrics, "wakedock_awake", namespace="default", name="hello") == 0
    metrics.awake(HELLO, True)
    now[0] += 5
    assert asleep() == 10


def test_the_series_of_a_service_that_ended_are_removed():
    metrics = used(Metrics())
    metrics.forget(HELLO)
    text = metrics.render().decode()
    assert 'name="hello"' not in text
    assert 'name="other"' in text


def test_what_fails_has_one_series_for_as_long_as_it_does():
    metrics = Metrics()
    for cause in (FailureReason.UNSCHEDULABLE, FailureReason.IMAGE_PULL):
        metrics.failing(HELLO, cause)
    text = metrics.render().decode()
    assert text.count("wakedock_failing{") == 1
    assert value(metrics, "wakedock_failing", namespace="default", name="hello", cause="ImagePull") == 1
    metrics.failing(HELLO, None)
    assert "wakedock_failing{" not in metrics.render().decode()


async def test_the_lag_of_the_loop_is_measured():
    metrics = Metrics()
    watching = asyncio.create_task(watch_loop_lag(metrics, interval=0))
    while not value(metrics, "wakedock_event_loop_lag_seconds_count"):
        await asyncio.sleep(0)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert watching.cancelled()


def test_every_metric_of_the_reference_is_exposed_and_the_reference_is_complete():
    assert REFERENCE.read_text() == reference()


LINT = {
    "a counter ends in _total": lambda f: f.type != "counter" or all(s.name.endswith("_total") for s in f.samples),
    "only a counter ends in _total": lambda f: f.type == "counter" or not f.name.endswith("_total"),
    "there is a help text": lambda f: bool(f.documentation),
    "no name of a type in the name": lambda f: not re.search(r"_(gauge|counter|histogram|summary)(_|$)", f.name),
    "lower case, no colon": lambda f: re.fullmatch(r"wakedock_[a-z0-9_]+", f.name) is not None,
    "base units": lambda f: not re.search(r"(milli|micro|nano|_minutes|_hours|_days|kilo|mega|_kb|_ms(_|$)|_sec(_|$)|_s$)", f.name),
    "suffixes of histograms only on histograms": lambda f: f.type == "histogram" or not re.search(r"_(count|sum|bucket)$", f.name),
    "no label named like a type's own": lambda f: f.type == "histogram" or not any({"le", "quantile"} & set(s.labels) for s in f.samples),
    "labels in lower case": lambda f: all(re.fullmatch(r"[a-z_]+", label) for s in f.samples for label in s.labels),
}


@pytest.mark.parametrize("rule", LINT)
def test_the_names_follow_the_rules_of_prometheus(rule: str):
    families = list(text_string_to_metric_families(used(Metrics()).render().decode()))
    assert len(families) >= 12
    assert [family.name for family in families if not LINT[rule](family)] == []


def test_promtool_has_nothing_to_say():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; the rules are checked by the test above")
    checked = subprocess.run([promtool, "check", "metrics"], input=used(Metrics()).render(), capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
