"""The tutorial, done by a reader from top to bottom."""

import shutil

import pytest

from tests.docs.blocks import ROOT
from tests.docs.story import Reader

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.caddy,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("curl") is None, reason="readers use curl: apt-get install curl"),
]


async def test_the_tutorial_from_top_to_bottom(reader: Reader):
    await reader.follow(ROOT / "docs" / "tutorial.md")
    assert await reader.interrupt() == [0]
    assert reader.left() == []
