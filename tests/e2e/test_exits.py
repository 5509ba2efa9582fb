"""A start that cannot work ends with one clear sentence and an exit code of its own, and disturbs nothing."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.connection import ask
from tests.e2e.failing import faulty, running
from tests.e2e.installation import Installation, installed
from wakedock_operator.errors import ExitCode

pytestmark = [pytest.mark.e2e, pytest.mark.caddy]


async def ended(installation: Installation) -> tuple[int, str]:
    """Start it and wait for its end: exit code, and what it said since."""
    await installation.launch()
    assert installation.process is not None
    code = await installation.process.wait()
    return code, installation.log.read_text()[installation.began :]


def one_sentence(said: str) -> str:
    """The one line that was said besides the log."""
    lines = [line for line in said.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, said
    assert "Traceback" not in said
    return lines[0]


async def test_a_second_instance_on_the_same_data_is_refused_and_the_first_one_serves_on(tmp_path: Path, runtime_dir: Path):
    async with installed(tmp_path, runtime_dir) as first:
        first.define("web", hosts=["web.test"], app={"command": faulty("web", tmp_path / "ledger", "fine")})
        await first.start()
        pid = (await ask(first.port, "web.test")).body.split()[3]
        caddy, process = first.caddy_pid(), first.process
        assert process is not None
        second = Installation(tmp_path, runtime_dir)
        code, said = await ended(second)
        assert code == ExitCode.ANOTHER_INSTANCE
        assert f"process {process.pid}" in one_sentence(said)
        assert str(first.data) in said
        assert process.returncode is None
        assert first.caddy_pid() == caddy
        assert running(caddy)
        assert (await ask(first.port, "web.test")).body.split()[3] == pid


async def test_a_port_in_use_is_said(tmp_path: Path, runtime_dir: Path):
    async with installed(tmp_path, runtime_dir) as installation:
        with socket.create_server(("127.0.0.1", installation.port)):
            code, said = await ended(installation)
        assert code == ExitCode.PORT_IN_USE
        assert f"127.0.0.1:{installation.port}" in one_sentence(said)
        await installation.start()
        assert (await ask(installation.port, "web.test")).status == 404, "it starts once the port is free"


OLD = """#!/bin/sh
echo 'v2.6.2 h1:old'
"""


HANGING = """#!/bin/sh
test "$1" != version || exec echo 'v2.99.0 h1:new'
test ! -p "$0.started" || echo $$ >"$0.started"
exec sleep 600
"""
"""A Caddy that says its version and answers nothing; to a pipe beside it, it tells its process."""


@pytest.mark.parametrize("script, code, says", [(None, ExitCode.CADDY_MISSING, "caddy"), (OLD, ExitCode.CADDY_TOO_OLD, "2.11.4")])
async def test_a_caddy_that_is_not_there_or_too_old_is_said(
    tmp_path: Path, runtime_dir: Path, script: str | None, code: ExitCode, says: str
):
    binary = tmp_path / "caddy"
    if script is not None:
        binary.write_text(script)
        binary.chmod(0o755)
    async with installed(tmp_path, runtime_dir, "--caddy", str(binary)) as installation:
        found, said = await ended(installation)
        assert found == code
        assert says in one_sentence(said)


async def test_a_caddy_that_hangs_is_given_up_and_ended(tmp_path: Path, runtime_dir: Path):
    binary = tmp_path / "caddy"
    binary.write_text(HANGING)
    binary.chmod(0o755)
    async with installed(tmp_path, runtime_dir, "--caddy", str(binary)) as installation:
        code, said = await ended(installation)
        assert code == ExitCode.CADDY_FAILED
        sentence = one_sentence(said)
        assert "did not answer" in sentence
        assert not running(int(sentence.split("(pid ")[1].split(")")[0]))


@contextmanager
def inherited(handler: signal.Handlers) -> Iterator[None]:
    """What a program that is started meanwhile does at SIGHUP, unless it wants something else."""
    before = signal.signal(signal.SIGHUP, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_a_closed_terminal_ends_it_in_order(tmp_path: Path, runtime_dir: Path):
    async with installed(tmp_path, runtime_dir) as installation:
        installation.define("web", hosts=["web.test"], app={"command": faulty("web", tmp_path / "ledger", "hangs")}, wake={"timeout": "2s"})
        with inherited(signal.SIG_DFL):
            await installation.start()
        assert installation.process is not None
        caddy = installation.caddy_pid()
        held = asyncio.create_task(ask(installation.port, "web.test"))
        await installation.until("web", lambda record: any(report["holding"] for report in record["gateways"]))
        installation.process.send_signal(signal.SIGHUP)
        await installation.until_logged("stopping")
        installation.process.send_signal(signal.SIGHUP)
        assert (await held).status == 504, "the second one does not urge it"
        assert await installation.process.wait() == 0
        assert not running(caddy)


async def test_under_nohup_a_closed_terminal_is_none_of_its_business(tmp_path: Path, runtime_dir: Path):
    async with installed(tmp_path, runtime_dir) as installation:
        with inherited(signal.SIG_IGN):
            await installation.start()
        assert installation.process is not None
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{installation.process.pid}/status").read_text().splitlines())
        assert int(status["SigIgn"], 16) >> (signal.SIGHUP - 1) & 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_a_start_that_waits(tmp_path: Path, runtime_dir: Path, number: signal.Signals):
    binary = tmp_path / "caddy"
    binary.write_text(HANGING)
    binary.chmod(0o755)
    async with installed(tmp_path, runtime_dir, "--caddy", str(binary)) as installation:
        os.mkfifo(f"{binary}.started")
        await installation.launch()
        assert installation.process is not None
        pid = int(await asyncio.to_thread(Path(f"{binary}.started").read_text))
        assert running(pid)
        installation.process.send_signal(number)
        assert await installation.process.wait() == 0
        assert not running(pid)


async def test_where_the_api_cannot_listen_nothing_is_left_running(tmp_path: Path, runtime_dir: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with installed(tmp_path, runtime_dir, "--api-listen", address) as installation:
            code, said = await ended(installation)
            assert code == ExitCode.PORT_IN_USE
            assert address in one_sentence(said)
            started = json.loads(next(line for line in said.splitlines() if '"caddy started"' in line))
            assert not running(started["pid"])


async def test_where_the_api_cannot_listen_a_caddy_that_serves_goes_on(tmp_path: Path, runtime_dir: Path):
    async with installed(tmp_path, runtime_dir) as first:
        await first.start()
        await first.kill()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            second = Installation(tmp_path, runtime_dir, "--api-listen", f"127.0.0.1:{taken.getsockname()[1]}")
            second.port = first.port
            code, _ = await ended(second)
        assert code == ExitCode.PORT_IN_USE
        assert running(first.caddy_pid())
        assert (await ask(first.port, "web.test")).status == 404
        await first.start()


async def test_a_data_directory_that_is_a_file_is_said(tmp_path: Path, runtime_dir: Path):
    async with installed(tmp_path, runtime_dir) as installation:
        installation.data.write_text("")
        code, said = await ended(installation)
        assert code == ExitCode.DIRECTORY_UNUSABLE
        assert str(installation.data) in one_sentence(said)
        installation.data.unlink()


async def test_a_second_signal_ends_a_stop_that_waits(tmp_path: Path, runtime_dir: Path):
    async with installed(tmp_path, runtime_dir) as installation:
        installation.define("web", hosts=["web.test"], app={"command": faulty("web", tmp_path / "ledger", "hangs")})
        await installation.start()
        assert installation.process is not None
        held = asyncio.create_task(ask(installation.port, "web.test"))
        await installation.until("web", lambda record: any(report["holding"] for report in record["gateways"]))
        installation.process.terminate()
        await installation.until_logged("stopping")
        assert installation.process.returncode is None
        installation.process.terminate()
        assert await installation.process.wait() == 0
        held.cancel()
