"""Known weaknesses of rendered charts and Dockerfiles, as checkov knows them. `.checkov.yaml` says what is left out, and why."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.charts.conftest import ROOT, Object, tool

pytestmark = pytest.mark.charts

Check = Callable[..., list[Object]]


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Runs checkov over files; returns its report of each framework."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")  # it reads the configuration of the folder that it runs in, too
    program = tool("checkov")

    def checked(*paths: Path, config: Path = ROOT / ".checkov.yaml") -> list[Object]:
        files = [f"--file={path}" for path in paths]
        words = [program, f"--config-file={config}", "--output=json", *files]
        env = os.environ | {"LOG_LEVEL": "ERROR"}
        ended = subprocess.run(words, capture_output=True, text=True, check=False, cwd=elsewhere, env=env)
        assert ended.stdout, ended.stderr
        said = json.loads(ended.stdout)
        return said if isinstance(said, list) else [said]

    return checked


def failures(reports: list[Object]) -> list[str]:
    return [
        f"{each['check_id']} {each['check_name']}: {each['resource']}" for report in reports for each in report["results"]["failed_checks"]
    ]


def test_nothing_is_found_in_the_chart_and_the_dockerfile(check: Check, variants: dict[str, list[Object]], tmp_path: Path):
    paths = [ROOT / "Dockerfile"]
    for name, objects in variants.items():
        paths.append(tmp_path / f"{name}.yaml")
        paths[-1].write_text(yaml.safe_dump_all(objects))
    reports = check(*paths)
    assert {report["check_type"] for report in reports} == {"kubernetes", "dockerfile"}
    assert all(report["summary"]["passed"] for report in reports)
    assert failures(reports) == []


def test_every_check_that_is_left_out_would_find_something(check: Check, variants: dict[str, list[Object]], tmp_path: Path):
    settings = yaml.safe_load((ROOT / ".checkov.yaml").read_text())
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({name: value for name, value in settings.items() if name != "skip-check"}))
    chart = tmp_path / "chart.yaml"
    chart.write_text(yaml.safe_dump_all(variants["default"]))
    found = {line.split()[0] for line in failures(check(chart, ROOT / "Dockerfile", config=config))}
    assert found == set(settings["skip-check"])
