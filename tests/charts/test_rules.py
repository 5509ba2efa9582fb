"""The alerts, as Prometheus reads them and on series that should and should not raise them."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.conftest import CHART

pytestmark = pytest.mark.charts

RULES = CHART / "files/rules.yaml"
# Series by the minute, as promtool writes them; then how many of each alert fire when half an hour has passed.
QUIET = {
    'wakedock_wakes_total{namespace="team",name="shop",outcome="awake",cause="Request"}': "0+1x30",
    'wakedock_wakes_total{namespace="team",name="shop",outcome="failed",cause="Exited"}': "0x30",
    'wakedock_caddy_applies_total{pod="one",outcome="failed"}': "0x30",
    'wakedock_rejected_total{reason="timed-out"}': "0x30",
    'up{job="wakedock",component="gateway"}': "1x30",
    'up{job="wakedock",component="operator"}': "1x30",
    'kube_pod_container_status_restarts_total{namespace="wakedock",pod="one",container="caddy"}': "0x30",
    'wakedock_wake_duration_seconds_bucket{pod="one",phase="total",le="30.0"}': "0+1x30",
    'wakedock_wake_duration_seconds_bucket{pod="one",phase="total",le="+Inf"}': "0+1x30",
    'wakedock_wake_duration_seconds_count{pod="one",phase="total"}': "0+1x30",
}
SERIES = list(QUIET)
BAD: dict[str, dict[str, str]] = {
    "WakeDockWakesFail": {SERIES[1]: "0x20 1x10"},
    "WakeDockCaddyRefusesConfiguration": {SERIES[2]: "0x20 1x10"},
    "WakeDockRefusesRequests": {SERIES[3]: "0+5x30"},
    "WakeDockGatewayDown": {'up{job="wakedock",component="gateway",pod="two"}': "1x10 0x20"},
    "WakeDockNoGateway": {SERIES[4]: "1x10 0x20"},
    "WakeDockOperatorDown": {SERIES[5]: "1x10 0x20"},
    "WakeDockWakesAreSlow": {SERIES[7]: "0x30", SERIES[7].replace('"30.0"', '"60.0"'): "0+1x30"},
    "WakeDockCaddyRestarts": {SERIES[6]: "0x5 1x5 2x5 5x15"},
}


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; hack/system-packages brings it")
    return subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)


def firing(tmp_path: Path, series: dict[str, str], expected: dict[str, int]) -> str:
    """What promtool says against so many alerts of each name; empty when it agrees."""
    checks: list[dict[str, Any]] = [
        {
            "expr": f'count(ALERTS{{alertstate="firing",alertname="{name}"}})',
            "eval_time": "30m",
            "exp_samples": [{"labels": "{}", "value": count}],
        }
        for name, count in expected.items()
    ]
    nothing_else = "|".join(expected) or "none"
    checks.append({"expr": f'ALERTS{{alertstate="firing",alertname!~"{nothing_else}"}}', "eval_time": "30m", "exp_samples": []})
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": inputs, "promql_expr_test": checks}],
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(test))
    ended = promtool("test", "rules", path)
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


def test_every_alert_is_shown_to_fire():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    assert {rule["alert"] for group in groups for rule in group["rules"]} == BAD.keys()


def test_a_few_slow_wakes_raise_no_alert(tmp_path: Path):
    slow = BAD["WakeDockWakesAreSlow"]
    few = dict.fromkeys((*slow.keys() - {SERIES[7]}, *SERIES[8:10]), "0x10 3x20")
    assert firing(tmp_path, QUIET | slow | few, {}) == ""


def test_prometheus_takes_the_rules():
    ended = promtool("check", "rules", RULES)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_nothing_fires_where_all_is_well(tmp_path: Path):
    assert firing(tmp_path, QUIET, {}) == ""


@pytest.mark.parametrize("alert", BAD)
def test_an_alert_fires(tmp_path: Path, alert: str):
    expected = {alert: 1} | ({"WakeDockGatewayDown": 1} if alert == "WakeDockNoGateway" else {})
    assert firing(tmp_path, QUIET | BAD[alert], expected) == ""
