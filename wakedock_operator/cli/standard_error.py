"""Standard error as something that never fails: neither a full disk nor a reader that has gone may end or disturb what is logged."""

import io
import sys
from typing import TextIO


class Unfailing(io.TextIOBase):
    """What cannot be written is dropped, and counted in `lost` until something can be written again."""

    def __init__(self, stream: TextIO | None) -> None:
        self.lost = 0
        self._stream = _unbuffered(stream)

    def write(self, text: str) -> int:
        """Write one line, or drop it."""
        try:
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
        except (OSError, ValueError):
            self.lost += 1
        else:
            self.lost = 0
        return len(text)

    def isatty(self) -> bool:
        """Whether people read along."""
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):
            return False


def standard_error() -> Unfailing:
    """That of this moment. There is none where it was closed before the start."""
    return Unfailing(sys.stderr)


def _unbuffered(stream: TextIO | None) -> TextIO | None:
    """The same without a buffer, which would keep what failed and fail with it again, at last at the end of the process."""
    if stream is None:
        return None
    try:
        raw = io.FileIO(stream.fileno(), "w", closefd=False)
    except (OSError, ValueError):
        return stream
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
