"""Steering files on their own: what the kernel notices, and what is never lost."""

import os
from pathlib import Path

import pytest

from wakedock_operator.adapters.caddy.access_times import check_access_times
from wakedock_operator.adapters.caddy.errors import AccessTimesUnkept
from wakedock_operator.adapters.caddy.options import CaddyOptions
from wakedock_operator.adapters.caddy.steering import SteeringFiles
from wakedock_operator.resource import Key

WEB = Key("default", "web")


@pytest.fixture
def paths(directory: Path) -> CaddyOptions:
    return CaddyOptions(runtime=directory, data=directory)


@pytest.fixture
def files(paths: CaddyOptions) -> SteeringFiles:
    files = SteeringFiles(paths)
    files.prepare()
    return files


def read_as_caddy_does(paths: CaddyOptions) -> str:
    return (paths.steer / "default.web").read_text()


def test_the_hold_is_a_socket_that_does_not_exist(files, paths):
    files.write(WEB, None)
    content = read_as_caddy_does(paths)
    assert content == f"unix/{paths.runtime}/asleep"
    assert not Path(content.removeprefix("unix/")).exists()


def test_both_files_are_written(files, paths):
    files.write(WEB, "127.0.0.1:4000")
    assert read_as_caddy_does(paths) == (paths.ignored / "default.web").read_text() == "127.0.0.1:4000"
    assert sorted(path.name for path in paths.steer.iterdir()) == ["default.web"]


def test_every_read_after_a_look_is_noticed_however_quickly_it_comes(files, paths):
    files.write(WEB, "127.0.0.1:4000")
    for _ in range(200):
        read_as_caddy_does(paths)
        assert files.touched(WEB) is True
        assert files.touched(WEB) is False


def test_a_read_is_noticed_after_every_switch(files, paths):
    for number in range(200):
        files.write(WEB, f"127.0.0.1:{4000 + number}" if number % 2 else None)
        assert files.touched(WEB) is False
        read_as_caddy_does(paths)
        assert files.touched(WEB) is True


def test_a_read_between_the_look_and_the_rename_is_not_lost(files, paths, monkeypatch):
    files.write(WEB, "127.0.0.1:4000")
    rename = Path.rename

    def read_first(self, target):
        if target == paths.steer / "default.web":
            read_as_caddy_does(paths)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", read_first)
    files.write(WEB, None)
    assert (files.touched(WEB), files.touched(WEB)) == (True, False)


def test_a_clock_that_went_back_hides_no_read(files, paths):
    files.write(WEB, "127.0.0.1:4000")
    tomorrow = ((paths.steer / "default.web").stat().st_ctime_ns // 10**9 + 86_400) * 10**9
    os.utime(paths.steer / "default.web", ns=(tomorrow, tomorrow))
    assert files.touched(WEB) is False
    read_as_caddy_does(paths)
    assert files.touched(WEB) is True


def test_another_process_carries_the_idle_clock_on(files, paths):
    files.write(WEB, "127.0.0.1:4000")
    read_as_caddy_does(paths)
    files.touched(WEB)
    last = files.last_touch(WEB)
    again = SteeringFiles(paths)
    again.prepare()
    assert again.last_touch(WEB) == last
    assert again.touched(WEB) is False
    assert again.read(WEB) == "127.0.0.1:4000"


def test_a_missing_file_is_completed_and_an_existing_one_never_changed(files, paths):
    files.write(WEB, "127.0.0.1:4000")
    (paths.ignored / "default.web").unlink()
    files.complete(WEB)
    assert files.read(WEB) == "127.0.0.1:4000"
    assert (paths.ignored / "default.web").read_text() == f"unix/{paths.runtime}/asleep"
    assert sorted(path.name for path in paths.ignored.iterdir()) == ["default.web"]


def test_a_completion_that_is_overtaken_changes_nothing(files, paths, monkeypatch):
    link = Path.hardlink_to

    def steer_first(self, target):
        files.write(WEB, "127.0.0.1:4000")
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", steer_first)
    files.complete(WEB)
    assert files.read(WEB) == "127.0.0.1:4000"


@pytest.mark.parametrize("address", ["", "{env.HOME}", "127.0.0.1:1\n", "a\0b"])
def test_what_is_no_address_is_refused(files, address):
    files.write(WEB, "127.0.0.1:4000")
    with pytest.raises(ValueError, match="not an address"):
        files.write(WEB, address)
    assert files.read(WEB) == "127.0.0.1:4000"


def test_a_directory_that_keeps_access_times_passes_and_stays_clean(directory):
    check_access_times(directory)
    assert list(directory.iterdir()) == []


def test_a_directory_that_does_not_is_refused_with_a_sentence(directory, monkeypatch):
    monkeypatch.setattr("wakedock_operator.adapters.caddy.access_times._read", lambda name: None)
    with pytest.raises(AccessTimesUnkept, match=f"{directory} does not keep access times.*--runtime.*noatime"):
        check_access_times(directory)
    assert list(directory.iterdir()) == []
