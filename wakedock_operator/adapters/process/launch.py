"""One start, from the definition to the running process. Everything here blocks, maybe for ever, and runs in a thread of its own."""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wakedock_operator.adapters.process.account import Account, account
from wakedock_operator.adapters.process.environment import environment, words
from wakedock_operator.adapters.process.handle import ProcessHandle
from wakedock_operator.adapters.process.log_file import LogFile
from wakedock_operator.adapters.process.refused import StartRefused
from wakedock_operator.adapters.process.spawn import Program, spawn
from wakedock_operator.core.status import FailureReason
from wakedock_operator.resource import App


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be started."""

    app: App
    port: int
    mark: str
    dependency_ports: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Launched:
    """A process that runs, and where its output begins in the log."""

    handle: ProcessHandle
    log_offset: int


def launch(order: Order, *, log: LogFile, announce: Callable[[], None], descriptors: int | None = None) -> Launched:
    """Start it, with this soft limit of open files. `announce` puts it on record, right before the process exists. Raises StartRefused."""
    program = program_of(order)
    output = log.open(owner=program.account.uid)
    try:
        offset = log.size
        try:
            announce()
        except OSError as error:
            raise StartRefused(
                FailureReason.BACKEND, f"the runtime directory cannot be written ({error}); the app was not started, make room there"
            ) from error
        return Launched(handle=spawn(program, output, descriptors=descriptors), log_offset=offset)
    finally:
        os.close(output)


def discard(launched: Launched) -> None:
    """End a process that nobody has seen yet."""
    os.killpg(launched.handle.pid, signal.SIGKILL)
    os.waitpid(launched.handle.pid, 0)
    launched.handle.close()


def program_of(order: Order, command: tuple[str, ...] | None = None) -> Program:
    """The program of a start, or another `command` in the same surroundings. Raises StartRefused."""
    who = user_of(order.app)
    values = environment(order.app, account=who, port=order.port, mark=order.mark, dependency_ports=order.dependency_ports)
    return Program(
        words=words(command or order.app.command, values=values, dependency_ports=order.dependency_ports),
        environment=values,
        working_dir=order.app.working_dir,
        account=who,
    )


def user_of(app: App) -> Account:
    """The user of a start. Raises StartRefused for one that is unknown or not permitted."""
    try:
        who = account(app.user)
    except LookupError as error:
        raise StartRefused(FailureReason.NOT_PERMITTED, f"spec.app.user: {error}; create it or correct the name") from None
    if who.other and os.geteuid() != 0:
        raise StartRefused(FailureReason.NOT_PERMITTED, f"only root may start processes of the user {who.name!r}; run WakeDock as root")
    return who
