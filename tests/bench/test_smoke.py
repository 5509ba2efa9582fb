"""The bench runs: its cheapest rows, in tiny sizes."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.caddy]

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bench", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_quick_run_prints_the_table_and_writes_nothing(tmp_path: Path):
    told = bench("--quick", "--results", str(tmp_path / "results"), "idle", "held")
    assert told.returncode == 0, told.stderr
    assert "CPU with 20 sleeping services" in told.stdout
    assert "memory per held request" in told.stdout
    assert not (tmp_path / "results").exists()


def test_a_group_that_does_not_exist_is_refused_with_the_names_of_those_that_do():
    told = bench("--quick", "wram")
    assert told.returncode == 2
    assert "there is no group 'wram'; there are warm, many, wakes" in told.stderr
