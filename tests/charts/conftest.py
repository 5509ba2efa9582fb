"""The chart, as Helm renders it. Mark modules with `pytest.mark.charts`."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.variants import VARIANTS

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/wakedock"
VERSION = "--kube-version=1.37.0"
"""Helm takes the cluster to be one of its own age otherwise."""

Object = dict[str, Any]
Render = Callable[..., list[Object]]


def tool(name: str) -> str:
    """Where a program is that `hack/NAME` finds or makes; `make test` has it made before. Skips with its reason where it cannot be had."""
    asked = subprocess.run([ROOT / "hack" / name], capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.skip(f"hack/{name}: {asked.stderr.strip()}")
    return asked.stdout.strip()


@pytest.fixture(scope="session")
def helm() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Helm with the given words."""
    program = tool("helm")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *words], capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def render(helm: Callable[..., subprocess.CompletedProcess[str]]) -> Render:
    """Renders the chart with values given as `--set` words, or as whole flags; a failure fails the test with Helm's words."""

    def made(*values: str, namespace: str = "wakedock") -> list[Object]:
        settings = [value if value.startswith("--") else f"--set={value}" for value in values]
        ended = helm("template", "wakedock", str(CHART), f"--namespace={namespace}", VERSION, *settings)
        assert ended.returncode == 0, ended.stderr
        return [each for each in yaml.safe_load_all(ended.stdout) if each]

    return made


@pytest.fixture(scope="session")
def variants(render: Render) -> dict[str, list[Object]]:
    """Each of `VARIANTS`, rendered."""
    return {name: render(*values) for name, values in VARIANTS.items()}
