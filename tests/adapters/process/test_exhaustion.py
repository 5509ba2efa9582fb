"""What nobody foresaw ends one attempt, and never a service: the next start is possible."""

import errno
import os
from typing import Any

import pytest

from tests.adapters.process.apps import PYTHON, service
from tests.adapters.process.bench import UID, Bench, gone, pid_of
from wakedock_operator.adapters.process import ending, procfs, starting, tree
from wakedock_operator.core.status import FailureReason
from wakedock_operator.resource import Key

HELLO = Key("default", "hello")


async def test_a_start_that_fails_in_a_way_that_nobody_foresaw_can_be_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any, **__: Any) -> Any:
        raise ValueError("nobody foresaw this")

    await bench.workloads.ensure(service(), UID)
    with monkeypatch.context() as patched:
        patched.setattr(starting, "launch", fail)
        await bench.workloads.start(HELLO)
    seen = await bench.workloads.observe(HELLO)
    assert (seen.desired, seen.settled) == (0, True)
    assert seen.failure is not None
    assert seen.failure.reason is FailureReason.BACKEND
    await bench.workloads.start(HELLO)
    assert (await bench.workloads.observe(HELLO)).live


async def test_a_stop_goes_on_when_there_are_no_descriptors_for_a_moment(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    looks = []

    def members(**of: Any) -> Any:
        looks.append(of)
        if len(looks) <= 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return tree.members(**of)

    instance = await bench.start(service(command=[*PYTHON, "import time; time.sleep(600)"]))
    monkeypatch.setattr(ending, "members", members)
    await bench.stop_and_wait(HELLO)
    await gone(pid_of(instance))
    await bench.workloads.start(HELLO)
    assert (await bench.workloads.observe(HELLO)).live


def test_a_process_that_cannot_be_looked_at_does_not_count_as_gone(monkeypatch: pytest.MonkeyPatch):
    def no_descriptor(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("builtins.open", no_descriptor)
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        procfs.stat(os.getpid())
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        procfs.marker(os.getpid())
