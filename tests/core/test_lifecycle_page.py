from pathlib import Path

from hack.reference.lifecycle import page
from wakedock_operator.core.lifecycle import TABLE, Stage

PAGE = Path(__file__).parents[2] / "docs/design/lifecycle.md"


def test_the_page_is_what_the_table_says():
    assert PAGE.read_text() == page(), "`make docs` writes it"


def test_the_diagram_has_every_stage_and_every_change():
    text = page()
    assert all(f'state "{stage}" as' in text for stage in Stage)
    assert text.count(" --> ") == len(TABLE)
