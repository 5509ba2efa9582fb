"""Waking depends on nothing but the gateway and the backend: a data disk that takes nothing more stops no app."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.connection import ask
from tests.e2e.failing import faulty
from tests.e2e.installation import Installation, installed

pytestmark = [pytest.mark.e2e, pytest.mark.caddy]


def serve(installation: Installation, folder: Path, *names: str) -> None:
    for name in names:
        installation.define(name, hosts=[f"{name}.test"], app={"command": faulty(name, folder / "ledger", "fine"), "workingDir": "/"})


async def test_an_app_whose_log_cannot_be_opened_is_started_without_it_and_that_is_said(tmp_path: Path, runtime_dir: Path):
    async with installed(tmp_path, runtime_dir) as installation:
        serve(installation, tmp_path, "web")
        await installation.start()
        in_the_way = installation.data / "logs" / "default.web.log"
        in_the_way.mkdir(parents=True)
        assert (await ask(installation.port, "web.test", "/", "POST", body=b"x" * 1000)).status == 200
        said = await installation.until_logged("output not kept")
        assert said["service"] == "default/web"
        assert str(in_the_way) in said["problem"]
        await installation.until_woken("web", after=await put_to_sleep_and_wake(installation, "web"))


async def put_to_sleep_and_wake(installation: Installation, name: str) -> str:
    """A forced sleep, and a request that ends it; returns the token of the sleep."""
    token = await installation.ask(name, "sleep")
    await installation.until(name, lambda record: record["handled"]["sleep"] == token and record["serving"] == "Asleep")
    assert (await ask(installation.port, f"{name}.test")).status == 200
    return token


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, where this user may mount one; else a directory whose files are in the way."""
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    mounted = (
        os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "none", disk], check=False).returncode == 0
    )
    yield disk
    if mounted:
        subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path) -> None:
    """Leave no byte free, where the disk is one of its own."""
    if disk.is_mount():
        with (disk / "filling").open("wb", buffering=0) as filling:
            try:
                while True:
                    filling.write(bytes(4096))
            except OSError:
                pass


async def test_a_full_data_disk_stops_no_app(tmp_path: Path, runtime_dir: Path, small_disk: Path):
    async with installed(tmp_path, runtime_dir) as installation:
        installation.data = small_disk / "data"
        serve(installation, tmp_path, "web", "late")
        await installation.start()
        fill(small_disk)
        assert (await ask(installation.port, "web.test", "/", "POST", body=b"x" * 1000)).status == 200
        await installation.until_woken("web", after=await put_to_sleep_and_wake(installation, "web"))
        serve(installation, tmp_path, "new")
        await installation.until_routed("new.test")
        assert (await ask(installation.port, "new.test")).status == 200, "a new definition is served, though it cannot be kept"
        await installation.kill()
        await installation.start()
        for name in ("web", "late", "new"):
            assert (await ask(installation.port, f"{name}.test")).status == 200, "after a start on the full disk"
        assert "work failed" not in installation.log.read_text()
