import errno
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import watchfiles

from wakedock_operator.adapters.files import watching


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), RuntimeError("too many watchers")], ids=repr)
async def test_where_no_watch_is_possible_the_files_are_looked_at_again_and_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
):
    """`fs.inotify.max_user_instances` is soon used up where many programs watch."""

    async def fails(*_: Any, **__: Any) -> AsyncIterator[set[Any]]:
        for each in (error,):
            raise each
        yield set()

    monkeypatch.setattr(watchfiles, "awatch", fails)
    monkeypatch.setattr(watching, "LOOK_AGAIN_MS", 1)
    async with aclosing(watching.touched([tmp_path])) as looks:
        assert [await anext(looks) for _ in range(3)] == [True, True, True]
