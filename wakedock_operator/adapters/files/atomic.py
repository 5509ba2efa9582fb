"""Writing a small file so that a reader, and whoever starts after a crash, finds the old content or the new one."""

import json
import os
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any, *, durable: bool) -> None:
    """Replace `path` atomically; `durable`: also against a power cut. Raises OSError; then the old content stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    try:
        with scratch.open("w", encoding="utf-8") as stream:
            json.dump(value, stream, indent=1, ensure_ascii=False)
            stream.write("\n")
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        scratch.replace(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
