"""A backend over real processes that leaves none behind, and ways to wait for what they do."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.process.bench import Bench


@pytest.fixture
async def bench(runtime_dir: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(runtime_dir, tmp_path)
    await bench.open()
    yield bench
    await bench.clear()
