"""The references say what the code says."""

from pathlib import Path

import pytest

from hack.generate import GENERATED

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_file_is_up_to_date(name: str):
    assert (ROOT / name).read_text() == GENERATED[name](), "`make docs` writes it"
