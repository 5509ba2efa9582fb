"""Starting a program: own session, own process group, its output in a file, nothing else of WakeDock's left open."""

import contextlib
import errno
import os
import resource
import shutil
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wakedock_operator.adapters.process.account import Account
from wakedock_operator.adapters.process.handle import ProcessHandle
from wakedock_operator.adapters.process.refused import StartRefused
from wakedock_operator.core.status import FailureReason

_limiting = threading.Lock()


@dataclass(frozen=True, slots=True)
class Program:
    """Everything that the kernel needs to know about a start."""

    words: tuple[str, ...]
    environment: Mapping[str, str]
    working_dir: str | None
    account: Account


def spawn(program: Program, output: int, *, descriptors: int | None = None) -> ProcessHandle:
    """Start `program` with its output in the descriptor `output`. Blocks until exec has succeeded: call it in a thread.

    `descriptors` is its soft limit of open files, by default WakeDock's. Raises StartRefused when it cannot be executed.
    """
    _check_folder(program)
    who = program.account
    try:
        with _limited(descriptors):
            process = subprocess.Popen(
                program.words,
                env=dict(program.environment),
                cwd=program.working_dir,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=who.uid if who.other else None,
                group=who.gid if who.other else None,
                extra_groups=who.groups if who.other else None,
            )
    except OSError as error:
        raise _refusal(program, error) from error
    # The pidfd reaps it; Popen must neither wait for it nor warn about a process that is meant to outlive WakeDock.
    process.returncode = 0
    try:
        handle = ProcessHandle.open(process.pid)
    except OSError:
        # No descriptor left. Nobody has seen this process yet, so nobody misses it.
        os.killpg(process.pid, signal.SIGKILL)
        os.waitpid(process.pid, 0)
        raise
    if handle is None:
        raise StartRefused(FailureReason.BACKEND, f"process {process.pid} vanished while it was started; try again")
    return handle


@contextlib.contextmanager
def _limited(soft: int | None) -> Iterator[None]:
    """Let a child inherit this soft limit of open files.

    WakeDock has it too for that moment: set later, it would undo what the app has set by then, and code between fork and exec would have
    all of WakeDock copied at each start. Where that might leave WakeDock short of descriptors, the child gets WakeDock's own limit.
    """
    with _limiting:
        own, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft is None or len(os.listdir("/proc/self/fd")) > soft // 2:  # noqa: PTH208 - only counted
            yield
            return
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (own, hard))


def _check_folder(program: Program) -> None:
    if program.working_dir is None:
        return
    folder = Path(program.working_dir)
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
    except PermissionError:
        raise StartRefused(FailureReason.NOT_PERMITTED, f"workingDir {folder} may not be entered; change its permissions") from None
    except OSError:
        raise StartRefused(FailureReason.MISCONFIGURED, f"workingDir {folder} does not exist; create it or correct the path") from None
    if not is_folder:
        raise StartRefused(FailureReason.MISCONFIGURED, f"workingDir {folder} is not a folder; correct the path")


def _refusal(program: Program, error: OSError) -> StartRefused:
    command, user = program.words[0], program.account.name
    place = str(Path(program.working_dir or "", command)) if "/" in command else command
    found = shutil.which(place, path=program.environment["PATH"])
    if error.errno in {errno.EACCES, errno.EPERM}:
        if program.working_dir is not None and error.filename == program.working_dir:
            message = f"the user {user!r} may not enter workingDir {program.working_dir}; change its permissions"
        elif Path(place).is_dir():
            message = f"{command!r} is a folder; name the program in it"
        else:
            message = f"the user {user!r} may not execute {command!r}; make it executable for that user (chmod +x) or choose another user"
        return StartRefused(FailureReason.NOT_PERMITTED, message)
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        if found is not None:
            message = f"{found} was found, but the interpreter named in its first line does not exist; install it or correct the line"
        elif "/" in command:
            message = f"the command {command!r} does not exist; install it or correct the path"
        else:
            message = f"the command {command!r} is not in PATH ({program.environment['PATH']}); install it or give its full path"
        return StartRefused(FailureReason.COMMAND_NOT_FOUND, message)
    if error.errno == errno.ENOEXEC:
        message = f"{found or command} is not a program; a script needs a first line such as '#!/bin/sh'"
        return StartRefused(FailureReason.COMMAND_NOT_FOUND, message)
    return StartRefused(FailureReason.BACKEND, f"the command {command!r} could not be started: {error.strerror}")
