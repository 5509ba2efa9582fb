import asyncio
import os
from pathlib import Path

import pytest

from tests.adapters.process.apps import PYTHON, service
from tests.adapters.process.bench import Bench
from wakedock_operator.adapters.process.log_file import LogFile
from wakedock_operator.resource import Key

HELLO = Key("default", "hello")

ON_DEMAND = """
import os
for line in os.fdopen(os.open(os.environ['GATE'], os.O_RDWR)):
    print(line.rstrip(), flush=True)
"""


class Writer:
    """An app that writes what it is told."""

    def __init__(self, bench: Bench, folder: Path) -> None:

        self.bench = bench
        self.gate = folder / "gate"
        os.mkfifo(self.gate)

    async def start(self) -> None:
        await self.bench.start(service(command=[*PYTHON, ON_DEMAND], app={"env": [{"name": "GATE", "value": str(self.gate)}]}))

    async def write(self, *lines: str) -> None:
        await asyncio.to_thread(self.gate.write_text, "".join(f"{line}\n" for line in lines))
        await self.bench.until_line(HELLO, lines[-1])


async def test_the_last_lines_come_oldest_first(bench: Bench, tmp_path: Path):
    writer = Writer(bench, tmp_path)
    await writer.start()
    await writer.write("one", "two", "three")
    assert await bench.workloads.logs(HELLO, lines=2) == ("two", "three")
    assert await bench.workloads.logs(HELLO, lines=0) == ()


async def test_a_full_log_is_rotated_while_the_app_goes_on_writing(bench: Bench, tmp_path: Path):
    await bench.reopen(log_size=1000, logs_kept=2)
    writer = Writer(bench, tmp_path)
    await writer.start()
    folder = bench.data / "logs"
    for number in range(4):
        await writer.write(f"line-{number}-" + "x" * 1000)
        await bench.workloads.observe(HELLO)
        while bench.workloads._rotating:
            await asyncio.gather(*(task for task in bench.workloads._tasks if "_rotate" in repr(task)))
    await writer.write("last")
    assert sorted(each.name for each in folder.iterdir()) == ["default.hello.log", "default.hello.log.1", "default.hello.log.2"]
    assert (folder / "default.hello.log").read_text() == "last\n"
    assert [line[:6] for line in await bench.workloads.logs(HELLO, lines=10)] == ["line-2", "line-3", "last"]


async def test_following_shows_old_and_new_lines_over_a_rotation(tmp_path: Path):
    log = LogFile(tmp_path / "app.log", max_size=10)
    with log.path.open("a") as app:
        app.write("one\ntwo\nthree\nunfin")
        app.flush()
        lines = log.follow(2)
        assert [await anext(lines), await anext(lines)] == ["two", "three"]
        app.write("ished\n")
        app.flush()
        assert await anext(lines) == "unfinished"
        app.write("before\n")
        app.flush()
        log.rotate()
        app.write("after\n")
        app.flush()
        assert [await anext(lines), await anext(lines)] == ["before", "after"]
    assert log.path.read_text() == "after\n"


async def test_following_may_begin_before_the_first_start(bench: Bench, tmp_path: Path):
    await bench.workloads.ensure(service(), "uid-1")
    assert await bench.workloads.logs(HELLO, lines=5) == ()
    lines = bench.workloads.follow(HELLO, lines=5)
    waiting = asyncio.ensure_future(anext(lines))
    await bench.start(service())
    assert await waiting == "listening"


async def test_the_size_of_a_log_that_nobody_observes_is_looked_at(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wakedock_operator.adapters.process.workloads.LOG_CHECK", 0.05)
    await bench.reopen(log_size=100)
    writer = Writer(bench, tmp_path)
    await writer.start()
    await writer.write("x" * 1000)
    rotated = bench.data / "logs" / "default.hello.log.1"
    while not await asyncio.to_thread(rotated.exists):
        pass
    assert rotated.read_text() == "x" * 1000 + "\n"


async def test_only_a_newline_ends_a_line(tmp_path: Path):
    log = LogFile(tmp_path / "app.log")
    log.path.write_bytes("50%\r100%\x0b\x0c\x1c\x85 \u2028\u2029one\n\ntwo\r\nthree".encode())
    expected = ("50%\r100%\x0b\x0c\x1c\x85 \u2028\u2029one", "", "two", "three")
    assert log.tail(10) == log.last(10) == expected
    assert log.tail(2) == expected[-2:]
    following = log.follow(10)
    assert [await anext(following) for _ in range(3)] == list(expected[:3])


def test_every_file_of_a_log_has_the_same_mode(tmp_path: Path):
    log = LogFile(tmp_path / "logs" / "app.log", kept=2)
    log.path.parent.mkdir()
    log.path.with_suffix(".log.new").touch(0o644)  # of a rotation that was cut off
    for _ in range(3):
        os.close(log.open())
        log.path.write_text("line\n")
        log.rotate()
    assert {(each.name, oct(each.stat().st_mode & 0o777)) for each in log.path.parent.iterdir()} == {
        ("app.log", "0o640"),
        ("app.log.1", "0o640"),
        ("app.log.2", "0o640"),
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_an_app_of_another_user_may_open_its_output_again(bench: Bench):
    again = "echo out > /dev/stdout; echo error > /dev/stderr; exec sleep 600"
    await bench.start(service(command=["/bin/sh", "-c", again], app={"user": "nobody"}))
    await bench.until_line(HELLO, "error")
    path = bench.data / "logs" / "default.hello.log"
    assert (path.owner(), oct(path.stat().st_mode & 0o777)) == ("nobody", "0o640")
    await bench.stop_and_wait(HELLO)
    await bench.start(service(command=["/bin/sh", "-c", "echo mine; exec sleep 600"]))
    await bench.until_line(HELLO, "mine")
    assert path.stat().st_uid == os.geteuid()
