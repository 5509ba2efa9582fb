"""Log lines are events with keys."""

import errno
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from wakedock_operator.cli.logging import set_up_logging
from wakedock_operator.cli.settings import LogFormat, LogLevel
from wakedock_operator.errors import ExitCode


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(log_format: LogFormat, level: LogLevel = LogLevel.INFO) -> str:
    out = io.StringIO()
    set_up_logging(log_format=log_format, level=level, stream=out)
    log = structlog.get_logger("x")
    log.debug("looked")
    log.info("woke", service="default/hello", reason="Request")
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("trouble with %s", "a thing")
    return out.getvalue()


def test_a_terminal_obeys_nothing_that_an_app_said():
    out = io.StringIO()
    set_up_logging(log_format=LogFormat.CONSOLE, level=LogLevel.INFO, stream=out)
    structlog.get_logger("x").warning("app ended by itself", message="\x1b[2J gone")
    assert "\x1b" not in out.getvalue()
    assert "\ufffd[2J gone" in out.getvalue()


@pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.AUTO], ids=["asked for", "not on a terminal"])
def test_machines_get_one_object_per_line(log_format: LogFormat):
    lines = [json.loads(line) for line in logged(log_format).splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [("woke", "info"), ("trouble with a thing", "warning")]
    assert lines[0]["service"] == "default/hello"
    assert lines[0]["timestamp"].endswith("Z")


def test_people_get_a_line_with_keys():
    text = logged(LogFormat.CONSOLE, LogLevel.DEBUG)
    assert "looked" in text
    assert "reason=Request" in text
    assert "chatter" not in text


class Narrow(io.StringIO):
    """Takes lines only while it is open."""

    problem: OSError | ValueError | None = None

    def write(self, text: str) -> int:
        if self.problem is not None:
            raise self.problem
        return super().write(text)


@pytest.mark.parametrize("library", [False, True], ids=["own events", "the standard library's records"])
@pytest.mark.parametrize(
    "problem",
    [OSError(errno.ENOSPC, "No space left on device"), BrokenPipeError(), ValueError("I/O operation on closed file")],
    ids=lambda problem: type(problem).__name__,
)
def test_a_log_that_cannot_be_written_disturbs_nothing(problem: OSError | ValueError, library: bool, capsys: pytest.CaptureFixture[str]):
    out = Narrow()
    set_up_logging(log_format=LogFormat.JSON, level=LogLevel.INFO, stream=out)
    say = logging.getLogger("library").warning if library else structlog.get_logger("x").warning
    out.problem = problem
    say("lost")
    say("lost too")
    out.problem = None
    say("there")
    say("there again")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(line["event"], line.get("lost_lines")) for line in lines] == [("there", 2), ("there again", None)]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_without_standard_error_nothing_is_logged(
    log_format: LogFormat, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "stderr", None)
    set_up_logging(log_format=log_format, level=LogLevel.INFO)
    structlog.get_logger("x").warning("woke")
    logging.getLogger("library").warning("trouble")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("closed", ["2>/dev/full", "2>&-"])
def test_a_command_ends_with_its_code_where_its_sentence_cannot_be_written(closed: str, tmp_path: Path):
    command = f'exec "$0" -m wakedock_operator run -f "$1" --tls nonsense {closed}'
    assert subprocess.run(["/bin/sh", "-c", command, sys.executable, tmp_path], check=False).returncode == ExitCode.MISTAKE


def test_an_exception_is_one_json_line():
    out = io.StringIO()
    set_up_logging(log_format=LogFormat.JSON, level=LogLevel.ERROR, stream=out)
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("failed", service="default/hello")
    line = json.loads(out.getvalue())
    assert "ValueError: broken" in line["exception"]
