"""Data and runtime directories: where, whose, and for one instance at a time."""

import os
import shutil
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from wakedock_operator.adapters.process.procfs import boot_id, stat
from wakedock_operator.adapters.process.record import InstanceRecord, RecordFolder, State
from wakedock_operator.cli.directories import Directories, default_data, default_runtime, find, opened, resolve
from wakedock_operator.errors import AnotherInstance, DirectoryUnusable, NotRunning
from wakedock_operator.resource import Key


def both(runtime_dir: Path, name: str = "data") -> Directories:
    return resolve(runtime_dir / name, runtime_dir / "run", {})


def test_each_data_directory_has_a_runtime_directory_of_its_own(runtime_dir: Path):
    one, other = both(runtime_dir, "one"), both(runtime_dir, "other")
    assert one.runtime.parent == other.runtime.parent == runtime_dir / "run"
    assert one.runtime != other.runtime
    assert one == both(runtime_dir, "../" + runtime_dir.name + "/one")


def test_both_are_made_private_and_the_data_directory_leads_to_the_running_instance(runtime_dir: Path):
    with opened(both(runtime_dir)) as made:
        assert [oct(path.stat().st_mode & 0o777) for path in (made.data, made.runtime)] == ["0o700", "0o700"]
        assert find(made.data, {}) == made
        assert made.control_socket.parent == made.runtime
        assert made.journal.parent == made.data
    with opened(both(runtime_dir)):
        pass


def test_a_second_instance_on_the_same_data_is_refused_and_the_first_is_named(runtime_dir: Path):
    second = opened(resolve(runtime_dir / "data", runtime_dir / "elsewhere", {}))
    with opened(both(runtime_dir)), pytest.raises(AnotherInstance, match=f"process {os.getpid()}.* data directory"), second:
        pass
    with opened(both(runtime_dir)):
        pass


def test_the_runtime_directory_is_locked_too(runtime_dir: Path):
    first = both(runtime_dir)
    with (
        opened(first),
        pytest.raises(AnotherInstance, match="runtime directory"),
        opened(Directories(runtime_dir / "other", first.runtime)),
    ):
        pass


def elsewhere(runtime_dir: Path) -> Directories:
    return resolve(runtime_dir / "data", runtime_dir / "elsewhere", {})


def remember(former: Directories, process: psutil.Process, *, boot: str | None = None, start_ticks: int | None = None) -> None:
    """The record of an app, as WakeDock leaves it behind."""
    seen = stat(process.pid)
    assert seen is not None
    record = InstanceRecord(
        uid="u",
        mark="m",
        boot=boot or boot_id(),
        definition="d",
        port=1,
        address="",
        state=State.RUNNING,
        started_at=0,
        stop_signal="SIGTERM",
        grace=1,
        pid=process.pid,
        start_ticks=seen.start_ticks if start_ticks is None else start_ticks,
    )
    RecordFolder(former.runtime / "instances").write(Key("default", "web"), record)


def test_what_an_earlier_start_left_running_elsewhere_is_not_forgotten(runtime_dir: Path):
    with opened(both(runtime_dir)) as former:
        remember(former, psutil.Process())
    with socket.socket(socket.AF_UNIX) as admin:
        admin.bind(str(former.runtime / "admin.sock"))
        admin.listen()
        said = (
            rf"{former.runtime} .*: Caddy \(process {os.getpid()}\), default/web \(process {os.getpid()}\); .*--runtime {runtime_dir}/run,"
        )
        with pytest.raises(AnotherInstance, match=said), opened(elsewhere(runtime_dir)):
            pass
    assert find(former.data, {}) == former, "the way to it is kept"
    with opened(former):
        pass


@pytest.mark.parametrize("gone", [{"boot": "another"}, {"start_ticks": 1}, None], ids=["another boot", "another process", "no folder"])
def test_where_nothing_of_an_earlier_start_runs_another_runtime_directory_may_be_used(runtime_dir: Path, gone: dict[str, Any] | None):
    with opened(both(runtime_dir)) as former:
        if gone is not None:
            remember(former, psutil.Process(), **gone)
    if gone is None:
        shutil.rmtree(former.runtime)
    with opened(elsewhere(runtime_dir)) as now:
        assert find(former.data, {}) == now


def test_a_directory_that_others_can_read_is_refused_with_the_command_that_mends_it(runtime_dir: Path):
    wanted = both(runtime_dir)
    wanted.data.mkdir(mode=0o755)
    with pytest.raises(DirectoryUnusable, match=f"mode 0755.*chmod 700 {wanted.data}"), opened(wanted):
        pass


def test_a_directory_of_somebody_else_is_refused(runtime_dir: Path, monkeypatch: pytest.MonkeyPatch):
    wanted = both(runtime_dir)
    wanted.data.mkdir(mode=0o700)
    os_geteuid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: os_geteuid + 1)
    with pytest.raises(DirectoryUnusable, match=r"belongs to user|others own it"), opened(wanted):
        pass


def test_a_parent_in_which_anybody_may_rename_is_refused(runtime_dir: Path):
    shared = runtime_dir / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with (
        pytest.raises(DirectoryUnusable, match="could put another in its place"),
        opened(Directories(shared / "data", runtime_dir / "run")),
    ):
        pass
    shared.chmod(0o1777)
    with opened(Directories(shared / "data", runtime_dir / "run")):
        pass


def test_a_file_in_the_way_is_said(runtime_dir: Path):
    wanted = both(runtime_dir)
    wanted.data.write_text("")
    with pytest.raises(DirectoryUnusable, match="is not a directory"), opened(wanted):
        pass


def test_a_directory_that_cannot_be_made_is_said(runtime_dir: Path):
    (runtime_dir / "file").write_text("")
    with (
        pytest.raises(DirectoryUnusable, match="cannot be used: File exists"),
        opened(Directories(runtime_dir / "file/data", runtime_dir / "run")),
    ):
        pass


def test_a_runtime_path_too_long_for_sockets_is_refused_before_anything_is_made(runtime_dir: Path):
    with pytest.raises(DirectoryUnusable, match=r"Linux allows 107.*--runtime"):
        resolve(runtime_dir / "data", runtime_dir / ("x" * 80), {})


def test_a_brace_in_a_path_would_be_code_to_caddy(runtime_dir: Path):
    with pytest.raises(DirectoryUnusable, match="brace"):
        resolve(runtime_dir / "{env.HOME}", None, {})


def test_where_nothing_ever_ran_no_instance_is_found(runtime_dir: Path):
    with pytest.raises(NotRunning, match="--data or WAKEDOCK_DATA") as raised:
        find(runtime_dir, {})
    assert raised.value.exit_code == 4


@pytest.mark.parametrize(
    "user, environ, data, runtime",
    [
        (0, {"XDG_RUNTIME_DIR": "/run/user/0"}, "/var/lib/wakedock", "/run/wakedock"),
        (7, {"XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/run/user/7"}, "/s/wakedock", "/run/user/7/wakedock"),
        (7, {}, "HOME/.local/state/wakedock", "/dev/shm/wakedock-7"),
    ],
    ids=["root", "a user with XDG directories", "a user without"],
)
def test_defaults(user: int, environ: dict[str, str], data: str, runtime: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert str(default_data(environ)) == data.replace("HOME", "/home/somebody")
    assert str(default_runtime(environ)) == runtime
