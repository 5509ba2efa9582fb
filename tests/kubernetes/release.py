"""A release of the chart without a cluster: its accounts with their rights, its operator as a child of the test, and what the Job runs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from hack.cluster.api_server import free_port
from hack.cluster.kubectl import Kubectl
from tests.charts.objects import Object, containers, of_kind
from tests.kubernetes.accounts import kubeconfig_of
from tests.kubernetes.test_rights import by_namespace

OWN = ("--name=", "--metrics-listen=")
"""Options for which a pod has a name and a network of its own."""
PATIENCE = 40


class Release:
    """Its operator can be killed and started again. Nothing starts pods: what runs are children of the test."""

    def __init__(self, api: Path, objects: list[Object], namespace: str, folder: Path) -> None:
        self.kubectl = Kubectl(api, namespace)
        """In the namespace of the release."""
        self._objects = objects
        self._folder = folder
        self._operator: asyncio.subprocess.Process | None = None
        for where, access in by_namespace(objects).items():
            Kubectl(api, where).apply(*access)

    async def operator(self) -> None:
        """Start the operator, and wait for nothing."""
        own = ("--name=operator-0", f"--metrics-listen=127.0.0.1:{free_port()}")
        self._operator = await self._run("operator", "Deployment", "wakedock-operator", *own)

    async def kill_operator(self) -> None:
        """End it as a lost node would; raises when it had ended by itself, with the end of the log."""
        running, self._operator = self._operator, None
        if running is not None:
            assert running.returncode is None, self._log.read_text()[-3000:]
            running.kill()
            await running.wait()

    async def restore(self) -> int:
        """Run what the chart's Job runs before an uninstallation, as its account; returns the exit code."""
        return await (await self._run("restore", "Job", "wakedock-restore")).wait()

    @property
    def _log(self) -> Path:
        return self._folder / "release.log"

    async def _run(self, account: str, kind: str, name: str, *more: str) -> asyncio.subprocess.Process:
        (one,) = containers(of_kind(self._objects, kind)[name]["spec"]["template"]["spec"])
        words = [each.replace("$(POD_NAMESPACE)", self.kubectl.namespace) for each in one["args"] if not each.startswith(OWN)]
        kubeconfig = kubeconfig_of(self.kubectl, f"wakedock-{account}", self._folder)
        command = (sys.executable, "-m", "wakedock_operator", *words, f"--kubeconfig={kubeconfig}", *more)
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)


@asynccontextmanager
async def running(release: Release) -> AsyncIterator[Release]:
    """The release, whose operator is gone in the end."""
    try:
        yield release
    finally:
        await release.kill_operator()


async def until(holds: Callable[..., object], *of: object) -> None:
    """Wait until something outside is so; it is asked in a thread."""
    async with asyncio.timeout(PATIENCE):
        while not await asyncio.to_thread(holds, *of):
            await asyncio.sleep(0.1)
