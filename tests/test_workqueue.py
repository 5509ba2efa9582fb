import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from wakedock_operator.ports.unreachable import Unreachable
from wakedock_operator.workqueue import AWAY, WorkQueue

pytestmark = pytest.mark.looptime(noop_cycles=0)


class Worker:
    """Work that a test steers."""

    def __init__(self) -> None:
        self.queue: WorkQueue[str] = WorkQueue(self.work, name="test")
        self.done: list[tuple[str, float]] = []
        self.due: dict[str, Callable[[], float | None]] = {}
        """When to come back."""
        self.gates: dict[str, asyncio.Event] = {}
        """Work on these keys waits."""
        self.running: list[str] = []
        self._task: asyncio.Task[None] | None = None

    async def work(self, key: str) -> float | None:
        assert key not in self.running, f"{key} is worked on twice at once"
        self.running.append(key)
        try:
            self.done.append((key, asyncio.get_running_loop().time()))
            if key in self.gates:
                await self.gates[key].wait()
            return self.due.get(key, lambda: None)()
        finally:
            self.running.remove(key)

    def start(self) -> None:
        self._task = asyncio.create_task(self.queue.run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.done]


def now() -> float:
    return asyncio.get_running_loop().time()


async def settle() -> None:
    await asyncio.sleep(0.001)


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    made = Worker()
    yield made
    await made.stop()


async def test_what_is_added_is_worked_on_at_once(worker: Worker):
    worker.start()
    await settle()
    began = now()
    worker.queue.add("a")
    await settle()
    assert worker.done == [("a", began)]


async def test_what_was_added_before_the_queue_runs_is_worked_on_once_it_does(worker: Worker):
    for key in ("a", "b", "a"):
        worker.queue.add(key)
    await settle()
    assert worker.done == []
    worker.start()
    await settle()
    assert worker.keys == ["a", "b"]


async def test_keys_are_worked_on_side_by_side(worker: Worker):
    worker.start()
    worker.gates["slow"] = asyncio.Event()
    worker.queue.add("slow")
    worker.queue.add("fast")
    await settle()
    assert worker.keys == ["slow", "fast"]
    assert worker.running == ["slow"]
    assert repr(worker.queue) == "WorkQueue(test: 2 keys, 1 running)"


async def test_a_key_that_is_added_while_it_is_worked_on_is_worked_on_once_more(worker: Worker):
    worker.start()
    gate = worker.gates["a"] = asyncio.Event()
    worker.queue.add("a")
    await settle()
    for _ in range(5):
        worker.queue.add("a")
    await settle()
    assert worker.keys == ["a"]
    gate.set()
    await settle()
    assert worker.keys == ["a", "a"]


async def test_a_key_comes_back_when_it_said_and_not_before(worker: Worker):
    worker.start()
    await settle()
    began = now()
    worker.due["a"] = lambda: began + 60 if now() < began + 60 else None
    worker.queue.add("a")
    await asyncio.sleep(3600)
    assert worker.done == [("a", began), ("a", began + 60)]


async def test_a_deadline_in_the_past_is_due_at_once(worker: Worker):
    worker.start()
    await settle()
    began = now()
    worker.due["a"] = lambda: began - 5 if len(worker.done) < 3 else None
    worker.queue.add("a")
    await settle()
    assert worker.keys == ["a"] * 3


async def test_what_happens_meanwhile_replaces_the_deadline(worker: Worker):
    worker.start()
    await settle()
    began = now()
    worker.due["a"] = lambda: began + 60 if len(worker.done) == 1 else None
    worker.queue.add("a")
    await asyncio.sleep(30)
    worker.queue.add("a")
    await asyncio.sleep(3600)
    assert len(worker.done) == 2


async def test_a_key_that_nothing_is_due_for_is_never_looked_at(worker: Worker):
    worker.start()
    worker.queue.add("a")
    await asyncio.sleep(24 * 3600)
    assert worker.keys == ["a"]


async def test_a_fault_is_logged_and_tried_again_after_a_back_off_that_doubles_and_ends(worker: Worker):
    worker.start()
    await settle()
    began = now()
    broken = True

    def fail() -> None:
        if broken:
            raise RuntimeError("the backend fell over")

    worker.due["a"] = fail
    with capture_logs() as logs:
        worker.queue.add("a")
        await asyncio.sleep(20)
    assert [round(at - began) for _, at in worker.done] == [0, 1, 3, 7, 15]
    assert {(line["event"], line["service"], line["error"]) for line in logs} == {("work failed", "a", "the backend fell over")}
    broken = False
    await asyncio.sleep(3600)
    assert len(worker.done) == 6
    broken = True
    with capture_logs():
        worker.queue.add("a")
        await asyncio.sleep(1.5)
    assert len(worker.done) == 8


async def test_a_fault_in_one_key_does_not_touch_others(worker: Worker):
    worker.start()
    worker.due["bad"] = lambda: 1 // 0
    with capture_logs():
        for key in ("bad", "good"):
            worker.queue.add(key)
        await settle()
        worker.queue.add("good")
        await settle()
    assert worker.keys == ["bad", "good", "good"]


async def test_a_forgotten_key_does_not_come_back(worker: Worker):
    worker.start()
    await settle()
    worker.due["a"] = lambda: now() + 60
    worker.queue.add("a")
    await settle()
    worker.queue.forget("a")
    worker.queue.forget("never seen")
    await asyncio.sleep(3600)
    assert worker.keys == ["a"]


async def test_a_key_that_is_forgotten_while_it_is_worked_on_does_not_come_back(worker: Worker):
    worker.start()
    gate = worker.gates["a"] = asyncio.Event()
    worker.due["a"] = lambda: now() + 60
    worker.queue.add("a")
    await settle()
    worker.queue.forget("a")
    gate.set()
    await asyncio.sleep(3600)
    assert worker.keys == ["a"]


async def test_a_key_that_is_forgotten_and_added_while_it_is_worked_on_is_worked_on_by_one_task_at_a_time(worker: Worker):
    worker.start()
    gate = worker.gates["a"] = asyncio.Event()
    worker.queue.add("a")
    await settle()
    worker.queue.forget("a")
    worker.queue.add("a")
    await settle()
    gate.set()
    await settle()
    assert worker.keys == ["a", "a"]


async def test_at_the_end_what_is_worked_on_is_cancelled_and_no_deadline_stays(worker: Worker):
    worker.start()
    worker.gates["a"] = asyncio.Event()
    worker.due["b"] = lambda: now() + 60
    worker.queue.add("a")
    worker.queue.add("b")
    await settle()
    await worker.stop()
    assert worker.running == []
    await asyncio.sleep(3600)
    assert worker.keys == ["a", "b"]


async def test_somebody_who_did_not_answer_is_asked_again_soon_however_often():
    times: list[float] = []
    done = asyncio.Event()

    async def work(key: str) -> float | None:
        times.append(asyncio.get_running_loop().time())
        if len(times) < 4:
            raise Unreachable("away")
        done.set()
        return None

    queue: WorkQueue[str] = WorkQueue(work, name="test")
    running = asyncio.create_task(queue.run())
    queue.add("a")
    await done.wait()
    running.cancel()
    await asyncio.wait({running})
    assert times == pytest.approx([AWAY * number for number in range(4)])


async def test_every_turn_is_told_with_its_outcome():
    told: list[tuple[str, str]] = []
    done = asyncio.Event()

    async def work(key: str) -> float | None:
        if key == "away":
            raise Unreachable("nobody answers")
        if key == "broken":
            raise ValueError(key)
        return None

    def tell(name: str, outcome: str) -> None:
        told.append((name, outcome))
        done.set()

    queue: WorkQueue[str] = WorkQueue(work, name="test", told=tell)
    running = asyncio.create_task(queue.run())
    for key in ("fine", "away", "broken"):
        done.clear()
        queue.add(key)
        await done.wait()
    running.cancel()
    await asyncio.wait({running})
    assert told == [("test", "done"), ("test", "unreachable"), ("test", "failed")]
