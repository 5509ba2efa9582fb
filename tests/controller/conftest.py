"""One machine in memory per test."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tests.machine import Machine


@pytest.fixture
async def machine() -> AsyncIterator[Machine]:
    with capture_logs() as logs:
        made = Machine(logs=logs)
        yield made
        await made.stop()
