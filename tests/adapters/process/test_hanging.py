"""A start that hangs, as on a network file system whose server is away: it holds up neither the service nor the end of WakeDock."""

import asyncio
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.process.apps import service
from tests.adapters.process.bench import UID, Bench, alive
from wakedock_operator.adapters.process import environment, launch
from wakedock_operator.adapters.process.spawn import spawn
from wakedock_operator.resource import Key

HELLO = Key("default", "hello")


class Server:
    """Keeps whoever reads variables waiting until it is back."""

    def __init__(self) -> None:
        self.back = threading.Event()
        self.asked = threading.Event()

    def text_of(self, path: Path) -> str:
        self.asked.set()
        self.back.wait()
        return "A=1\n"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    monkeypatch.setattr(environment, "_text_of", server.text_of)
    monkeypatch.setattr("wakedock_operator.adapters.process.supervisor.LAUNCH_PATIENCE", 0.05)
    yield server
    server.back.set()


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first processes of all starts."""
    pids: list[int] = []

    def noted(*arguments: Any, **named: Any) -> Any:
        handle = spawn(*arguments, **named)
        pids.append(handle.pid)
        return handle

    monkeypatch.setattr(launch, "spawn", noted)
    return pids


async def hang(bench: Bench, server: Server) -> None:
    await bench.workloads.ensure(service(app={"envFrom": [{"file": "/net/away"}]}), UID)
    await bench.workloads.start(HELLO)
    await asyncio.to_thread(server.asked.wait)


async def threads_of_starts() -> None:
    """Return when no thread of a start is left."""
    for thread in threading.enumerate():
        if thread.name == "launch":
            await asyncio.to_thread(thread.join)


async def test_nobody_waits_for_a_hanging_start_and_it_is_named(bench: Bench, server: Server):
    await hang(bench, server)
    seen = await bench.workloads.observe(HELLO)
    assert (seen.desired, seen.settled, seen.instances) == (1, False, ())
    assert "it is still being started" in seen.seen
    server.back.set()
    assert (await bench.until(HELLO, lambda seen: bool(seen.live))).seen == ""


async def test_a_hanging_start_that_is_not_wanted_any_more_is_given_up(bench: Bench, server: Server, spawned: list[int]):
    await hang(bench, server)
    await bench.stop(HELLO)
    seen = await bench.until(HELLO, lambda seen: seen.settled)
    assert (seen.desired, seen.instances, seen.failure) == (0, (), None)
    instance = await bench.serve(service())
    record = (bench.runtime / "instances" / "default.hello.json").read_text()
    server.back.set()
    await threads_of_starts()
    assert spawned == [int(instance.id.split("-")[0])]
    assert (bench.runtime / "instances" / "default.hello.json").read_text() == record


async def test_a_mended_definition_takes_the_place_of_a_hanging_start(bench: Bench, server: Server):
    await hang(bench, server)
    await bench.workloads.ensure(service(), UID)
    assert (await bench.until(HELLO, lambda seen: bool(seen.live))).settled


async def test_a_deleted_definition_takes_its_hanging_start_with_it(bench: Bench, server: Server):
    await hang(bench, server)
    await bench.workloads.remove(HELLO, UID)
    async for _ in bench.workloads.watch():
        if not bench.workloads.keys():
            break


async def test_what_a_start_brings_about_after_it_was_given_up_is_ended(bench: Bench, server: Server, monkeypatch: pytest.MonkeyPatch):
    made, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    pids: list[int] = []

    def slow(*arguments: Any, **named: Any) -> Any:
        handle = spawn(*arguments, **named)
        pids.append(handle.pid)
        made.set()
        go_on.wait()
        return handle

    def discard(launched: launch.Launched) -> None:
        launch.discard(launched)
        ended.set()

    monkeypatch.setattr(launch, "spawn", slow)
    monkeypatch.setattr("wakedock_operator.adapters.process.starting.discard", discard)
    await bench.workloads.ensure(service(), UID)
    starting = asyncio.ensure_future(bench.workloads.start(HELLO))
    await asyncio.to_thread(made.wait)
    await bench.stop(HELLO)
    await bench.until(HELLO, lambda seen: seen.settled)
    await starting
    assert alive(pids[0])
    go_on.set()
    await asyncio.to_thread(ended.wait)
    assert not alive(pids[0])


def test_wakedock_ends_although_a_start_hangs(runtime_dir: Path, tmp_path: Path):
    program = textwrap.dedent(
        f"""
        import asyncio, threading
        from pathlib import Path
        from tests.adapters.process.apps import service
        from tests.adapters.process.bench import UID, Bench
        from wakedock_operator.adapters.process import environment, supervisor

        supervisor.LAUNCH_PATIENCE = 0.05
        asked = threading.Event()

        def hang(path):
            asked.set()
            threading.Event().wait()

        environment._text_of = hang

        async def main():
            bench = Bench(Path({str(runtime_dir)!r}), Path({str(tmp_path)!r}))
            await bench.open()
            hanging = service(app={{"envFrom": [{{"file": "/net/away"}}]}})
            await bench.workloads.ensure(hanging, UID)
            start = asyncio.ensure_future(bench.workloads.start(hanging.key))
            await asyncio.to_thread(asked.wait)
            await bench.workloads.close()

        asyncio.run(main())
        print("ended")
        """
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parents[3], timeout=60, check=True
    )
    assert ran.stdout.endswith("ended\n")
    assert list((runtime_dir / "instances").iterdir()) == []
