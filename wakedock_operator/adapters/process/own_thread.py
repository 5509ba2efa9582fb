"""Work that may never come back, such as a look at a file of a network file system whose server is away.

A thread of asyncio's pool would keep the program from ending, and a few of them every other start from beginning.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def in_own_thread(work: Callable[[], T], *, name: str, undo: Callable[[T], None] | None = None) -> T:
    """What `work` returns or raises. When this is cancelled, the thread goes on by itself; the end of the program does not wait for it.

    What it returns then is given to `undo`, in whatever thread.
    """
    told: Future[T] = Future()
    told.set_running_or_notify_cancel()

    def run() -> None:
        try:
            told.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised again where the work was asked for
            told.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        return await asyncio.wrap_future(told)
    except asyncio.CancelledError:
        if undo is not None:
            told.add_done_callback(lambda done: undo(done.result()) if done.exception() is None else None)
        raise
