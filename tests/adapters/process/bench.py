"""A backend on the bench: starts, waits by the port's own watch, and clears up."""

import asyncio
import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wakedock_operator.adapters.process import ProcessWorkloads
from wakedock_operator.adapters.process.procfs import stat
from wakedock_operator.core.observation import Instance, Observation
from wakedock_operator.ports.workloads import ProbeResult
from wakedock_operator.resource import Key, WakeService

UID, OTHER_UID = "uid-1", "uid-2"


class Bench:
    def __init__(self, runtime: Path, data: Path) -> None:
        self.runtime = runtime
        self.data = data
        self.workloads: ProcessWorkloads
        self.options: dict[str, Any] = {}

    async def open(self, **options: Any) -> None:
        self.options = self.options | options
        self.workloads = await ProcessWorkloads.open(runtime=self.runtime, data=self.data, **self.options)

    async def reopen(self, **options: Any) -> None:
        """As a new WakeDock finds it: the old one is dropped without a word to any app."""
        await self.workloads.close()
        await self.open(**options)

    async def clear(self) -> None:
        """End everything, paused apps too."""
        for key in sorted(self.workloads.keys()):
            for uid in (UID, OTHER_UID):
                await self.workloads.remove(key, uid)
        if self.workloads.keys():
            async for _ in self.workloads.watch():
                if not self.workloads.keys():
                    break
        await self.workloads.close()

    async def start(self, service: WakeService) -> Instance:
        await self.workloads.ensure(service, UID)
        await self.workloads.start(service.key)
        seen = await self.until(service.key, lambda seen: bool(seen.live) or seen.failure is not None)
        assert seen.live, seen.failure
        return seen.live[0]

    async def serve(self, service: WakeService) -> Instance:
        """Start it and wait until it is ready."""
        instance = await self.start(service)
        assert (await self.until_ready(service.key, instance.id)).ready
        return (await self.workloads.observe(service.key)).live[0]

    async def until_ready(self, key: Key, instance: str) -> ProbeResult:
        while not (result := await self.workloads.probe(key, instance)).ready and result.detail != "the instance is gone":
            pass
        return result

    async def until_detail(self, key: Key, instance: str, part: str) -> ProbeResult:
        while part not in (result := await self.workloads.probe(key, instance)).detail:
            assert not result.ready, result
        return result

    async def stop(self, key: Key) -> None:
        await self.workloads.stop(key, (await self.workloads.observe(key)).version)

    async def stop_and_wait(self, key: Key) -> None:
        await self.stop(key)
        await self.until(key, lambda seen: not seen.instances)

    async def until(self, key: Key, condition: Callable[[Observation], bool]) -> Observation:
        async for changed in self.workloads.watch():
            if changed == key:
                observation = await self.workloads.observe(key)
                if condition(observation):
                    return observation
        raise AssertionError

    async def until_line(self, key: Key, part: str) -> str:
        async for line in self.workloads.follow(key, lines=1000):
            if part in line:
                return line
        raise AssertionError


def pid_of(instance: Instance) -> int:
    return int(instance.id.split("-")[0])


def alive(pid: int) -> bool:
    seen = stat(pid)
    return seen is not None and not seen.ended


async def gone(pid: int) -> None:
    """Return when the process has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    await asyncio.to_thread(select.select, [descriptor], [], [])
    os.close(descriptor)
