"""A program whose exit code is the answer."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from wakedock_operator.adapters.probing.answer import NoAnswer
from wakedock_operator.resource import format_duration


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a program runs: the app's own environment, folder and user (None: WakeDock's)."""

    environment: Mapping[str, str]
    working_dir: str | None = None
    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None


async def exit_code_of(words: Sequence[str], surroundings: Surroundings, timeout: timedelta) -> int:  # noqa: ASYNC109 - a part of the definition
    """Run a program to its end. Raises NoAnswer when it cannot be run or takes longer than `timeout`; then nothing of it is left."""
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            env=surroundings.environment,
            cwd=surroundings.working_dir,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            user=surroundings.uid,
            group=surroundings.gid,
            extra_groups=surroundings.groups,
        )
    except OSError as error:
        raise NoAnswer(f"{words[0]!r} cannot be run: {(error.strerror or str(error)).lower()}") from None
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            return await process.wait()
    except TimeoutError:
        raise NoAnswer(f"{words[0]!r} did not end within {format_duration(timeout)}") from None
    finally:
        if process.returncode is None:
            # Not waited for yet, so the number is still its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
