"""The tutorial, done by a reader from top to bottom."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.docs.blocks import ROOT
from tests.docs.story import Reader
from tests.e2e.installation import free_port

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.caddy,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("curl") is None, reason="readers use curl: apt-get install curl"),
]


@pytest.fixture
async def reader(runtime_dir: Path) -> AsyncIterator[Reader]:
    """A reader with a home, data, runtime directory and port of their own; nothing that they started is left."""
    home = Path(tempfile.mkdtemp(prefix="wakedock-reader-"))
    port = free_port()
    options = {
        "WAKEDOCK_DATA": str(home / "data"),
        "WAKEDOCK_RUNTIME": str(runtime_dir),
        "WAKEDOCK_LISTEN": f"127.0.0.1:{port}",
        "WAKEDOCK_LOG_FORMAT": "console",
    }
    one = Reader(home, {**options, "PYTHONPATH": str(ROOT)}, port)
    yield one
    ours = [process for process in psutil.process_iter() if _belongs(process, home, runtime_dir)]
    for process in ours:
        process.kill()
    psutil.wait_procs(ours)
    shutil.rmtree(home)


def _belongs(process: psutil.Process, home: Path, runtime: Path) -> bool:
    try:
        words = [*process.cmdline(), *process.environ().values()]
    except psutil.Error:
        return False
    return any(str(home) in word or str(runtime) in word for word in words)


async def test_the_tutorial_from_top_to_bottom(reader: Reader):
    await reader.follow(ROOT / "docs" / "tutorial.md")
    assert await reader.interrupt() == [0]
    left = [process.cmdline() for process in psutil.process_iter() if _belongs(process, reader.home, Path(reader.environment["WAKEDOCK_RUNTIME"]))]
    assert left == []
