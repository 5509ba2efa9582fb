"""A reader of the docs, with a machine that looks empty to them."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.docs.blocks import ROOT
from tests.docs.story import Reader
from tests.e2e.installation import free_port


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
    for process in (left := one.left()):
        process.kill()
    psutil.wait_procs(left)
    shutil.rmtree(home)
