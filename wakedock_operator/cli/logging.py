"""Logs are events with keys: for people on a terminal, one JSON object per line for machines."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor

from wakedock_operator.cli.printable import printable
from wakedock_operator.cli.settings import LogFormat, LogLevel


def _printable(_: object, __: str, event: EventDict) -> EventDict:
    return {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}


def set_up_logging(*, log_format: LogFormat, level: LogLevel, stream: TextIO | None = None) -> None:
    """Send structlog's events and the standard library's records to `stream` (stderr), in one form. `auto` is `console` on a terminal."""
    out = sys.stderr if stream is None else stream
    as_json = log_format is LogFormat.JSON or (log_format is LogFormat.AUTO and not out.isatty())
    number = logging.getLevelNamesMapping()[level.value.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True) if as_json else structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
    ]
    if as_json:
        last: list[Processor] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str, ensure_ascii=False)]
    else:
        last = [_printable, structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries speak up when something is wrong; what they do otherwise is not WakeDock's story.
    root.setLevel(max(number, logging.WARNING))
