"""Log lines are events with keys."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from wakedock_operator.cli.logging import set_up_logging
from wakedock_operator.cli.settings import LogFormat, LogLevel


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


def test_an_exception_is_one_json_line():
    out = io.StringIO()
    set_up_logging(log_format=LogFormat.JSON, level=LogLevel.ERROR, stream=out)
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("failed", service="default/hello")
    line = json.loads(out.getvalue())
    assert "ValueError: broken" in line["exception"]
