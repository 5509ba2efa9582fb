from datetime import UTC, datetime
from pathlib import Path

from wakedock_operator.adapters.files.board import RecordBoard
from wakedock_operator.core.lifecycle import initial
from wakedock_operator.resource import Key

HELLO = Key("default", "hello")


async def test_a_record_that_somebody_cleared_can_be_removed(tmp_path: Path):
    board = RecordBoard(tmp_path)
    await board.swap(HELLO, None, initial(uid="one", desired=0, now=datetime(2026, 3, 2, tzinfo=UTC)))
    (tmp_path / "default.hello.json").unlink()
    await board.remove(HELLO, "one")
    assert await board.read(HELLO) is None
