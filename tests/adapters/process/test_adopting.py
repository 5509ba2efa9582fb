import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.adapters.process.apps import PYTHON, service
from tests.adapters.process.bench import OTHER_UID, UID, Bench, alive, gone, pid_of
from tests.adapters.process.test_stopping import WORKERS
from wakedock_operator.adapters.process.procfs import MARKER, processes
from wakedock_operator.core.status import FailureReason
from wakedock_operator.resource import Key

HELLO = Key("default", "hello")


async def test_a_running_app_is_taken_over_with_its_address_and_readiness(bench: Bench):
    before = await bench.serve(service())
    await bench.reopen()
    assert bench.workloads.keys() == {HELLO}
    seen = await bench.workloads.observe(HELLO)
    assert (seen.desired, seen.settled, seen.live, seen.outdated) == (1, True, (before,), False)
    await bench.workloads.ensure(service(), UID)
    assert not (await bench.workloads.observe(HELLO)).outdated
    await bench.workloads.start(HELLO)
    assert (await bench.workloads.observe(HELLO)).live == (before,)


async def test_an_adopted_app_without_a_definition_can_be_stopped(bench: Bench):
    before = await bench.serve(service())
    await bench.reopen()
    await bench.stop_and_wait(HELLO)
    assert not alive(pid_of(before))


async def test_a_version_of_an_earlier_wakedock_stops_nothing(bench: Bench):
    await bench.serve(service())
    version = (await bench.workloads.observe(HELLO)).version
    await bench.reopen()
    assert (await bench.workloads.observe(HELLO)).version != version


async def test_an_app_of_another_definition_or_another_service_of_the_name_is_outdated(bench: Bench):
    await bench.serve(service())
    await bench.reopen()
    await bench.workloads.ensure(service(), OTHER_UID)
    assert (await bench.workloads.observe(HELLO)).outdated


async def test_the_exit_of_an_adopted_app_is_noticed(bench: Bench):
    before = await bench.serve(service())
    await bench.reopen()
    os.kill(pid_of(before), signal.SIGKILL)
    seen = await bench.until(HELLO, lambda seen: seen.failure is not None)
    assert seen.failure is not None
    assert seen.failure.reason is FailureReason.EXITED


async def test_an_app_that_ended_while_wakedock_was_away_is_a_failure_and_its_workers_are_ended(bench: Bench):
    code = "worker('left', session=False, ignore=True)\ntime.sleep(600)"
    before = await bench.start(service(command=[*PYTHON, WORKERS + code], sleep={"gracePeriod": "100ms"}))
    left = int((await bench.until_line(HELLO, "left ")).split()[1])
    await bench.workloads.close()
    os.kill(pid_of(before), signal.SIGKILL)
    await asyncio.to_thread(os.waitpid, pid_of(before), 0)
    await bench.open()
    seen = await bench.until(HELLO, lambda seen: not seen.instances)
    assert seen.desired == 0
    assert seen.failure is not None
    assert seen.failure.id == before.id
    assert "unknown exit code" in seen.failure.message
    assert not alive(left)


async def test_a_stop_under_way_is_finished(bench: Bench):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    before = await bench.start(service(command=[*PYTHON, code], sleep={"gracePeriod": "100ms"}))
    await bench.until_line(HELLO, "deaf")
    await bench.stop(HELLO)
    await bench.reopen()
    seen = await bench.workloads.observe(HELLO)
    assert (seen.desired, [(each.id, each.terminating) for each in seen.instances]) == (0, [(before.id, True)])
    await bench.until(HELLO, lambda seen: not seen.instances)
    assert not alive(pid_of(before))


async def test_a_paused_app_stays_paused_and_can_be_resumed(bench: Bench):
    app = service(sleep={"mode": "Pause"})
    before = await bench.serve(app)
    await bench.stop(HELLO)
    await bench.reopen()
    seen = await bench.workloads.observe(HELLO)
    assert (seen.desired, seen.instances) == (0, ())
    after = await bench.serve(app)
    assert (pid_of(after), after.address) == (pid_of(before), before.address)
    assert after.id != before.id


async def test_a_resume_that_was_only_recorded_is_done(bench: Bench):
    app = service(sleep={"mode": "Pause"})
    before = await bench.serve(app)
    await bench.stop(HELLO)
    await bench.serve(app)
    await bench.workloads.close()
    os.kill(pid_of(before), signal.SIGSTOP)
    await bench.open()
    await bench.serve(app)


async def test_a_process_whose_start_was_never_finished_is_ended(bench: Bench):
    before = await bench.serve(service())
    place = bench.runtime / "instances" / "default.hello.json"
    record = json.loads(place.read_text())
    await bench.workloads.close()
    place.write_text(json.dumps(record | {"state": "starting", "pid": 0, "start_ticks": 0}))
    await bench.open()
    assert not alive(pid_of(before))
    assert bench.workloads.keys() == frozenset()


async def test_a_process_without_a_record_is_ended_and_one_of_another_installation_is_not(bench: Bench, tmp_path: Path):
    before = await bench.serve(service())
    other = Bench(tmp_path / "other", tmp_path / "other-data")
    await other.open()
    spared = await other.serve(service())
    (bench.runtime / "instances" / "default.hello.json").unlink()
    await bench.reopen()
    assert not alive(pid_of(before))
    assert alive(pid_of(spared))
    await other.clear()


async def test_a_record_whose_number_belongs_to_another_process_now_touches_nobody(bench: Bench):
    await bench.serve(service())
    place = bench.runtime / "instances" / "default.hello.json"
    record = json.loads(place.read_text())
    await bench.stop_and_wait(HELLO)
    await bench.workloads.close()
    place.write_text(json.dumps(record | {"pid": os.getpid(), "sleep": None} | {"start_ticks": 1}))
    await bench.open()
    assert (await bench.until(HELLO, lambda seen: not seen.instances)).desired == 0


async def test_a_record_of_another_boot_is_forgotten(bench: Bench):
    await bench.serve(service())
    place = bench.runtime / "instances" / "default.hello.json"
    record = json.loads(place.read_text())
    await bench.stop_and_wait(HELLO)
    await bench.workloads.close()
    place.write_text(json.dumps(record | {"boot": "another"}))
    await bench.open()
    assert bench.workloads.keys() == frozenset()
    assert not place.exists()


async def test_an_unreadable_record_is_removed(bench: Bench):
    place = bench.runtime / "instances" / "default.hello.json"
    place.write_text("{")
    await bench.reopen()
    assert bench.workloads.keys() == frozenset()
    assert not place.exists()


async def test_apps_survive_the_death_of_wakedock_and_are_taken_over(bench: Bench):
    """A WakeDock of its own process, ended by SIGKILL: the app serves on, and the next one adopts what is not its child."""
    await bench.workloads.close()
    program = textwrap.dedent(
        f"""
        import asyncio
        from pathlib import Path
        from tests.adapters.process.apps import service
        from tests.adapters.process.bench import Bench

        async def main():
            bench = Bench(Path({str(bench.runtime)!r}), Path({str(bench.data)!r}))
            await bench.open()
            print((await bench.serve(service())).id, flush=True)
            await asyncio.Event().wait()

        asyncio.run(main())
        """
    )
    first = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    assert first.stdout is not None
    instance = (await asyncio.to_thread(first.stdout.readline)).strip()
    first.kill()
    await asyncio.to_thread(first.wait)
    first.stdout.close()
    await bench.open()
    seen = await bench.workloads.observe(HELLO)
    assert [each.id for each in seen.live] == [instance]
    await bench.workloads.ensure(service(), UID)
    assert (await bench.until_ready(HELLO, instance)).ready
    os.kill(int(instance.split("-")[0]), signal.SIGTERM)
    seen = await bench.until(HELLO, lambda seen: seen.failure is not None)
    assert seen.failure is not None
    assert "unknown exit code" in seen.failure.message


async def test_wakedock_killed_between_a_process_and_its_record_leaves_no_orphan(bench: Bench):
    await bench.workloads.close()
    program = textwrap.dedent(
        f"""
        import asyncio, os, signal
        from pathlib import Path
        from tests.adapters.process.apps import service
        from tests.adapters.process.bench import Bench
        from wakedock_operator.adapters.process import launch

        spawn = launch.spawn

        def spawn_and_die(*arguments, **named):
            print(spawn(*arguments, **named).pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

        launch.spawn = spawn_and_die

        async def main():
            bench = Bench(Path({str(bench.runtime)!r}), Path({str(bench.data)!r}))
            await bench.open()
            await bench.start(service())

        asyncio.run(main())
        """
    )
    first = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    assert first.stdout is not None
    orphan = int(await asyncio.to_thread(first.stdout.readline))
    await asyncio.to_thread(first.wait)
    first.stdout.close()
    assert alive(orphan)
    await bench.open()
    await gone(orphan)
    assert bench.workloads.keys() == frozenset()


async def test_a_process_that_hides_its_environment_is_found_by_its_session(bench: Bench):
    instance = await bench.start(service(command=["/usr/bin/env", "-i", "/bin/sh", "-c", "sleep 600 & echo $!; wait"]))
    child = int(await bench.until_line(HELLO, ""))
    assert MARKER not in Path(f"/proc/{child}/environ").read_text()
    await bench.stop_and_wait(HELLO)
    assert {pid_of(instance), child} & {each.pid for each in processes().values() if not each.ended} == set()
