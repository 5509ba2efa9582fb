"""The unit that starts WakeDock at boot."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT
from wakedock_operator.cli.settings import Settings, variable

UNIT = ROOT / "examples/systemd/wakedock.service"
PROGRAM = "/opt/wakedock/bin/wakedock"


def settings() -> list[tuple[str, str]]:
    """The unit's assignments, in their order."""
    lines = UNIT.read_text().splitlines()
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return [(name, value) for name, _, value in pairs]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed: apt-get install systemd")
def test_systemd_finds_nothing_to_complain_about(tmp_path: Path):
    text = UNIT.read_text()
    assert text.count(PROGRAM) == 1
    # systemd looks whether the program is there.
    installed = tmp_path / UNIT.name
    installed.write_text(text.replace(PROGRAM, sys.executable))
    verified = subprocess.run(["systemd-analyze", "verify", str(installed)], capture_output=True, text=True, check=False)
    complaints = [line for line in verified.stderr.splitlines() if UNIT.name in line]
    assert (verified.returncode, complaints) == (0, [])


@pytest.mark.parametrize(
    "setting, why",
    [
        (("KillMode", "process"), "awake apps outlive a restart"),
        (("RuntimeDirectoryPreserve", "yes"), "what runs is on record there"),
        (("RuntimeDirectoryMode", "0700"), "WakeDock refuses a directory that is open to others"),
        (("StateDirectoryMode", "0700"), "the same"),
        (("Restart", "always"), "held requests wait for its return"),
        (("OOMPolicy", "continue"), "one app out of memory must not stop all"),
    ],
    ids=lambda each: each if isinstance(each, str) else each[0],
)
def test_the_unit_keeps_what_must_outlive_a_restart(setting: tuple[str, str], why: str):
    assert setting in settings(), why


def test_the_unit_takes_nothing_from_apps_that_outlive_it():
    names = {name for name, _ in settings()}
    assert names.isdisjoint({"PrivateTmp", "ProtectHome", "ProtectSystem", "MemoryDenyWriteExecute", "SystemCallFilter"})


def test_the_variables_of_the_unit_are_options():
    given = [value.partition("=")[0] for name, value in settings() if name == "Environment"]
    assert given
    assert set(given) <= {variable(name) for name in Settings.model_fields}
