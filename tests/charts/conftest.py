"""The chart, as Helm renders it. Mark modules with `pytest.mark.charts`."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/wakedock"
VERSION = "--kube-version=1.37.0"
"""Helm takes the cluster to be one of its own age otherwise."""

Object = dict[str, Any]
Render = Callable[..., list[Object]]


@pytest.fixture(scope="session")
def helm() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Helm with the given words."""
    program = subprocess.run([ROOT / "hack/helm"], capture_output=True, text=True, check=True).stdout.strip()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *words], capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def render(helm: Callable[..., subprocess.CompletedProcess[str]]) -> Render:
    """Renders the chart with values given as `--set` words; a failure fails the test with Helm's words."""

    def made(*values: str, namespace: str = "wakedock") -> list[Object]:
        settings = [f"--set={value}" for value in values]
        ended = helm("template", "wakedock", str(CHART), f"--namespace={namespace}", VERSION, *settings)
        assert ended.returncode == 0, ended.stderr
        return [each for each in yaml.safe_load_all(ended.stdout) if each]

    return made
