"""One machine in memory per test."""

from collections.abc import AsyncIterator

import pytest

from tests.machine import Machine


@pytest.fixture
async def machine() -> AsyncIterator[Machine]:
    made = Machine()
    yield made
    await made.stop()
