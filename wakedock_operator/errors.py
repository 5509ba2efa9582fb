"""What can go wrong, as one small tree, and the exit code of each."""

from enum import IntEnum
from typing import ClassVar, Self


class ExitCode(IntEnum):
    """How a command ended. `explanation` is what the reference says."""

    explanation: str

    def __new__(cls, value: int, explanation: str) -> Self:
        member = int.__new__(cls, value)
        member._value_ = value
        member.explanation = explanation
        return member

    OK = 0, "It worked."
    UNEXPECTED = 1, "Something that WakeDock did not foresee. The message and the log say what."
    USAGE = 2, "The command line was not understood."
    MISTAKE = 3, "A definition or the configuration holds a mistake. The message names file, line and field."
    NOT_RUNNING = 4, "No running WakeDock was found for this data directory, or it does not answer."
    UNKNOWN_SERVICE = 5, "There is no service of that name."
    REFUSED = 6, "The state of the service does not allow it, for instance because it is suspended or pinned."
    START_FAILED = 7, "The app could not be woken. The message names the cause."
    TIMED_OUT = 8, "What the command waited for did not happen in time. It was asked for and may still happen."
    NOT_RESTORED = 9, "Not every target got its replicas back. The message names each that did not, and why."
    PORT_IN_USE = 10, "WakeDock cannot listen on an address: another program does, or it cannot be listened on here. The message says why."
    CADDY_MISSING = 11, "There is no Caddy to run."
    CADDY_TOO_OLD = 12, "The Caddy that was found is too old."
    ACCESS_TIMES_NOT_KEPT = 13, "The filesystem of the runtime directory does not keep access times."
    ANOTHER_INSTANCE = (
        14,
        "Another WakeDock uses this data or runtime directory, or an earlier one left something running.",
    )
    DIRECTORY_UNUSABLE = 15, "The data or runtime directory cannot be used: owner, permissions, length of its path, or no space."
    CADDY_FAILED = 16, "Caddy ended or did not answer while WakeDock started."
    INTERRUPTED = 130, "Ended by Ctrl-C."


class WakeDockError(Exception):
    """What WakeDock foresees: the message says what happened, to what, and what to do."""

    exit_code: ClassVar[ExitCode] = ExitCode.UNEXPECTED


class ConfigurationMistake(WakeDockError):
    """A definition or the configuration cannot be used as it is written."""

    exit_code = ExitCode.MISTAKE


class NotUnderstood(WakeDockError):
    """An argument is none that can be meant."""

    exit_code = ExitCode.USAGE


class NotRunning(WakeDockError):
    """No running WakeDock answers."""

    exit_code = ExitCode.NOT_RUNNING


class UnknownService(WakeDockError):
    """There is no such service."""

    exit_code = ExitCode.UNKNOWN_SERVICE


class Refused(WakeDockError):
    """The state of the service does not allow it."""

    exit_code = ExitCode.REFUSED


class StartFailed(WakeDockError):
    """The app could not be woken."""

    exit_code = ExitCode.START_FAILED


class TimedOut(WakeDockError):
    """What was waited for did not happen in time."""

    exit_code = ExitCode.TIMED_OUT


class NotRestored(WakeDockError):
    """Some targets did not get their replicas back."""

    exit_code = ExitCode.NOT_RESTORED


class PortInUse(WakeDockError):
    """Another program listens there."""

    exit_code = ExitCode.PORT_IN_USE


class CaddyMissing(WakeDockError):
    """There is no Caddy to run."""

    exit_code = ExitCode.CADDY_MISSING


class CaddyTooOld(WakeDockError):
    """The Caddy that was found lacks what the data plane rests on."""

    exit_code = ExitCode.CADDY_TOO_OLD


class AccessTimesNotKept(WakeDockError):
    """Activity cannot be seen on the filesystem of the runtime directory."""

    exit_code = ExitCode.ACCESS_TIMES_NOT_KEPT


class AnotherInstance(WakeDockError):
    """Another WakeDock has locked the data or the runtime directory."""

    exit_code = ExitCode.ANOTHER_INSTANCE


class DirectoryUnusable(WakeDockError):
    """The data or runtime directory cannot be used."""

    exit_code = ExitCode.DIRECTORY_UNUSABLE


class CaddyFailed(WakeDockError):
    """Caddy ended or did not answer while WakeDock started."""

    exit_code = ExitCode.CADDY_FAILED
