import asyncio
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.process.apps import PYTHON, SERVE, service
from tests.adapters.process.bench import UID, Bench, alive, gone, pid_of
from wakedock_operator.adapters.process import launch, starting
from wakedock_operator.adapters.process.record import InstanceRecord, State
from wakedock_operator.ports.workloads import VersionMoved
from wakedock_operator.resource import Key

HELLO = Key("default", "hello")

WORKERS = """
import os, signal, sys, time
def worker(name, *, session, ignore):
    if os.fork():
        return
    if session:
        os.setsid()
        if os.fork():
            os._exit(0)
    if ignore:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: (print(name, 'asked to end', flush=True), os._exit(0)))
    print(name, os.getpid(), flush=True)
    while True:
        time.sleep(600)
"""


async def workers(bench: Bench, *names: str) -> dict[str, int]:
    return {name: int((await bench.until_line(HELLO, f"{name} ")).split()[1]) for name in names}


async def test_a_stop_leaves_no_worker_behind(bench: Bench):
    code = """
worker('polite', session=False, ignore=False)
worker('stubborn', session=False, ignore=True)
worker('runaway', session=True, ignore=False)
worker('stubborn-runaway', session=True, ignore=True)
time.sleep(600)
"""
    instance = await bench.start(service(command=[*PYTHON, WORKERS + code], sleep={"gracePeriod": "500ms"}))
    pids = await workers(bench, "polite", "stubborn", "runaway", "stubborn-runaway")
    await bench.stop_and_wait(HELLO)
    assert [name for name, pid in pids.items() if alive(pid)] == []
    assert not alive(pid_of(instance))
    lines = await bench.workloads.logs(HELLO, lines=100)
    assert "polite asked to end" in lines
    assert "runaway asked to end" in lines


APART = "trap '' HUP; env -i setsid sh -c 'echo apart $$$$; exec sleep 1003' & exec sleep 600"
"""Leaves a child that keeps nothing of the app's but its parent."""


async def test_a_child_with_a_session_and_an_environment_of_its_own_is_ended_with_its_parent(bench: Bench):
    await bench.start(service(command=["/bin/sh", "-c", APART]))
    child = (await workers(bench, "apart"))["apart"]
    await bench.stop_and_wait(HELLO)
    assert not alive(child)


async def test_such_a_child_is_halted_with_its_parent_and_ended_when_that_is_killed(bench: Bench):
    first = await bench.start(service(command=["/bin/sh", "-c", APART], sleep={"mode": "Pause"}))
    child = (await workers(bench, "apart"))["apart"]
    await bench.stop(HELLO)
    halting = bench.workloads._supervisors[HELLO]._halting
    assert halting is not None
    await halting
    assert Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    os.kill(pid_of(first), signal.SIGKILL)
    await gone(child)


async def test_a_wakedock_that_ends_right_after_a_stop_has_sent_the_signal(bench: Bench):
    instance = await bench.start(service())
    await bench.stop(HELLO)
    await bench.workloads.close()
    await gone(pid_of(instance))
    await bench.open()


async def test_a_master_that_crashes_takes_its_workers_with_it_before_the_next_start(bench: Bench):
    code = "worker('left', session=True, ignore=True)\ntime.sleep(600)"
    app = service(command=[*PYTHON, WORKERS + code], sleep={"gracePeriod": "200ms"})
    instance = await bench.start(app)
    left = (await workers(bench, "left"))["left"]
    os.kill(pid_of(instance), signal.SIGKILL)
    seen = await bench.until(HELLO, lambda seen: seen.failure is not None)
    assert (seen.desired, [each.terminating for each in seen.instances]) == (0, [True])
    await bench.workloads.start(HELLO)
    assert not (await bench.workloads.observe(HELLO)).settled
    await bench.until(HELLO, lambda seen: bool(seen.live))
    assert not alive(left)


async def test_an_app_that_ignores_the_stop_signal_is_killed_after_the_grace_period(bench: Bench):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    instance = await bench.start(service(command=[*PYTHON, code], sleep={"gracePeriod": "100ms"}))
    await bench.until_line(HELLO, "deaf")
    await bench.stop_and_wait(HELLO)
    assert not alive(pid_of(instance))
    assert (await bench.workloads.observe(HELLO)).failure is None


async def test_an_app_is_stopped_by_the_signal_it_asks_for_and_may_take_its_time(bench: Bench):
    code = "import signal, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit(print('goodbye', flush=True)));"
    await bench.start(service(command=[*PYTHON, code + "print('up', flush=True); time.sleep(600)"], app={"stopSignal": "SIGINT"}))
    await bench.until_line(HELLO, "up")
    await bench.stop_and_wait(HELLO)
    assert (await bench.workloads.logs(HELLO, lines=1)) == ("goodbye",)


DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


async def test_a_stop_follows_the_present_grace_period(bench: Bench):
    command = [*PYTHON, DEAF]
    instance = await bench.start(service(command=command, sleep={"gracePeriod": "1h"}))
    await bench.until_line(HELLO, "deaf")
    await bench.workloads.ensure(service(command=command, sleep={"gracePeriod": "50ms"}), UID)
    await bench.stop_and_wait(HELLO)
    assert not alive(pid_of(instance))


async def test_a_stop_follows_the_last_known_grace_period_over_a_restart_and_a_deletion(bench: Bench):
    command = [*PYTHON, DEAF]
    instance = await bench.start(service(command=command, sleep={"gracePeriod": "1h"}))
    await bench.until_line(HELLO, "deaf")
    await bench.workloads.ensure(service(command=command, sleep={"gracePeriod": "50ms"}), UID)
    await bench.reopen()
    await bench.workloads.remove(HELLO, UID)
    await gone(pid_of(instance))


async def test_a_grace_period_that_changes_during_the_start_counts(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    forked, go_on = threading.Event(), threading.Event()

    def slow(*arguments: Any, **named: Any) -> launch.Launched:
        launched = launch.launch(*arguments, **named)
        forked.set()
        go_on.wait()
        return launched

    monkeypatch.setattr(starting, "launch", slow)
    command = [*PYTHON, DEAF]
    await bench.workloads.ensure(service(command=command, sleep={"gracePeriod": "1h"}), UID)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bench.workloads.start(HELLO))
        await asyncio.to_thread(forked.wait)
        await bench.workloads.ensure(service(command=command, sleep={"gracePeriod": "50ms"}), UID)
        go_on.set()
    await bench.until_line(HELLO, "deaf")
    await bench.stop_and_wait(HELLO)


async def test_a_stop_follows_the_present_signal_of_a_command_that_is_still_the_same(bench: Bench):
    code = """
import signal, sys, time
for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGTERM):
    signal.signal(number, lambda number, _: sys.exit(print(signal.Signals(number).name, flush=True)))
print('up', flush=True)
time.sleep(600)
"""
    command = [*PYTHON, code]
    await bench.start(service(command=command))
    await bench.until_line(HELLO, "up")
    await bench.workloads.ensure(service(command=command, app={"stopSignal": "SIGINT"}), UID)
    assert not (await bench.workloads.observe(HELLO)).outdated
    await bench.workloads.ensure(service(command=["other"], app={"stopSignal": "SIGUSR1"}), UID)
    await bench.stop_and_wait(HELLO)
    assert await bench.workloads.logs(HELLO, lines=1) == ("SIGINT",)


async def test_the_stop_is_on_record_before_the_signal(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    instance = await bench.start(service())
    seen: list[tuple[State, bool]] = []

    def write(key: Key, record: InstanceRecord) -> None:
        seen.append((record.state, alive(pid_of(instance))))

    monkeypatch.setattr(bench.workloads._site.records, "write", write)
    sent: asyncio.Queue[list[tuple[State, bool]]] = asyncio.Queue()
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda descriptor, number: sent.put_nowait(list(seen)))
    await bench.stop(HELLO)
    assert await sent.get() == [(State.STOPPING, True)]
    monkeypatch.undo()
    os.kill(pid_of(instance), signal.SIGKILL)


async def test_a_stop_that_cannot_be_put_on_record_does_not_happen(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    instance = await bench.start(service())
    before = await bench.workloads.observe(HELLO)

    def full(key: Key, record: InstanceRecord) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(bench.workloads._site.records, "write", full)
        with pytest.raises(OSError, match="No space left"):
            await bench.stop(HELLO)
    assert await bench.workloads.observe(HELLO) == before
    assert alive(pid_of(instance))


async def test_a_start_that_cannot_be_put_on_record_fails_and_leaves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    await bench.workloads.ensure(service(), UID)

    def full(key: Key, record: InstanceRecord) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(bench.workloads._site.records, "write", full)
        await bench.workloads.start(HELLO)
        seen = await bench.until(HELLO, lambda seen: seen.failure is not None)
    assert seen.failure is not None
    assert "No space left" in seen.failure.message
    assert (seen.desired, seen.instances) == (0, ())


async def test_a_stop_during_a_start_ends_what_was_started(bench: Bench):
    await bench.workloads.ensure(service(), UID)
    starting = bench.workloads.watch()
    await anext(starting)
    supervisor = bench.workloads._supervisors[HELLO]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bench.workloads.start(HELLO))
        await anext(starting)
        assert supervisor.process is None
        await bench.stop(HELLO)
    await bench.until(HELLO, lambda seen: seen.settled and not seen.instances)
    assert (await bench.workloads.observe(HELLO)).failure is None


async def test_a_stop_while_the_process_is_being_made_ends_it_as_soon_as_it_is_there(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    forked, go_on = threading.Event(), threading.Event()
    pids = []

    def slow(*arguments: Any, **named: Any) -> launch.Launched:
        launched = launch.launch(*arguments, **named)
        pids.append(launched.handle.pid)
        forked.set()
        go_on.wait()
        return launched

    monkeypatch.setattr(starting, "launch", slow)
    await bench.workloads.ensure(service(), UID)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bench.workloads.start(HELLO))
        await asyncio.to_thread(forked.wait)
        await bench.stop(HELLO)
        seen = await bench.workloads.observe(HELLO)
        assert (seen.desired, seen.settled, seen.instances) == (0, False, ())
        go_on.set()
    await bench.until(HELLO, lambda seen: seen.settled and not seen.instances)
    assert not alive(pids[0])


async def test_a_stop_and_another_start_during_a_start_end_with_one_new_process(bench: Bench):
    await bench.workloads.ensure(service(), UID)
    starting = bench.workloads.watch()
    await anext(starting)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bench.workloads.start(HELLO))
        await anext(starting)
        await bench.stop(HELLO)
        await bench.workloads.start(HELLO)
    seen = await bench.until(HELLO, lambda seen: seen.settled and bool(seen.live))
    assert len(seen.instances) == 1


async def test_an_exit_after_a_stop_was_asked_is_no_failure(bench: Bench):
    code = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('up', flush=True); time.sleep(600)"
    await bench.start(service(command=[*PYTHON, code]))
    await bench.until_line(HELLO, "up")
    await bench.stop_and_wait(HELLO)
    assert (await bench.workloads.observe(HELLO)).failure is None


async def test_removing_a_service_removes_its_logs_and_record(bench: Bench):
    await bench.serve(service())
    await bench.stop_and_wait(HELLO)
    assert list((bench.data / "logs").iterdir())
    await bench.workloads.remove(HELLO, UID)
    await bench.workloads.close()
    await bench.open()
    assert list((bench.runtime / "instances").iterdir()) == []
    assert bench.workloads.keys() == frozenset()


async def test_removing_a_service_that_still_runs_ends_it(bench: Bench):
    instance = await bench.start(service())
    await bench.workloads.remove(HELLO, UID)
    assert bench.workloads.keys() == {HELLO}
    async for _ in bench.workloads.watch():
        if not bench.workloads.keys():
            break
    assert not alive(pid_of(instance))


async def test_a_paused_app_keeps_its_memory_and_port(bench: Bench):
    code = "worker('near', session=False, ignore=False)\nworker('far', session=True, ignore=False)\n"
    app = service(command=[*PYTHON, WORKERS + SERVE + code + "serve(int(sys.argv[1]))", "$(PORT)"], sleep={"mode": "Pause"})
    first = await bench.serve(app)
    pids = [pid_of(first), *(await workers(bench, "near", "far")).values()]
    await bench.stop(HELLO)
    halting = bench.workloads._supervisors[HELLO]._halting
    assert halting is not None
    await halting
    assert [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in pids] == ["T", "T", "T"]
    second = await bench.serve(app)
    assert (second.address, pid_of(second)) == (first.address, pid_of(first))
    assert second.id != first.id
    await bench.stop(HELLO)
    assert (await bench.serve(app)).id not in {first.id, second.id}


async def test_a_paused_app_that_no_longer_fits_is_started_anew(bench: Bench):
    first = await bench.serve(service(sleep={"mode": "Pause"}))
    await bench.stop(HELLO)
    changed = service(sleep={"mode": "Pause"}, app={"env": [{"name": "COLOUR", "value": "blue"}]})
    second = await bench.serve(changed)
    assert pid_of(second) != pid_of(first)
    assert not alive(pid_of(first))


async def test_an_app_that_no_longer_fits_is_ended_instead_of_paused(bench: Bench):
    first = await bench.serve(service(sleep={"mode": "Pause"}))
    await bench.workloads.ensure(service(sleep={"mode": "Pause"}, app={"env": [{"name": "COLOUR", "value": "blue"}]}), UID)
    await bench.stop(HELLO)
    assert (await bench.workloads.observe(HELLO)).terminating
    await gone(pid_of(first))


async def test_a_paused_app_is_ended_when_it_shall_not_be_paused_any_more(bench: Bench):
    first = await bench.serve(service(sleep={"mode": "Pause"}))
    await bench.stop(HELLO)
    await bench.workloads.ensure(service(), UID)
    await gone(pid_of(first))


async def test_a_paused_app_of_a_removed_service_is_ended(bench: Bench):
    first = await bench.serve(service(sleep={"mode": "Pause"}))
    await bench.stop(HELLO)
    await bench.workloads.remove(HELLO, UID)
    await gone(pid_of(first))


async def test_a_paused_app_that_is_killed_is_no_failure(bench: Bench):
    first = await bench.serve(service(sleep={"mode": "Pause"}))
    await bench.stop(HELLO)
    os.kill(pid_of(first), signal.SIGKILL)
    seen = await bench.until(HELLO, lambda seen: bench.workloads._supervisors[HELLO].empty)
    assert seen.failure is None
    assert pid_of(await bench.serve(service(sleep={"mode": "Pause"}))) != pid_of(first)


async def test_a_stop_meant_for_the_instance_before_a_pause_cannot_reach_the_resumed_one(bench: Bench):
    await bench.serve(service(sleep={"mode": "Pause"}))
    version = (await bench.workloads.observe(HELLO)).version
    await bench.stop(HELLO)
    second = await bench.serve(service(sleep={"mode": "Pause"}))
    with pytest.raises(VersionMoved):
        await bench.workloads.stop(HELLO, version)
    assert (await bench.workloads.observe(HELLO)).live == (second,)
