"""Logs are events with keys: for people on a terminal, one JSON object per line for machines."""

import logging
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, Processor

from wakedock_operator.cli.printable import printable
from wakedock_operator.cli.settings import LogFormat, LogLevel
from wakedock_operator.cli.standard_error import Unfailing, standard_error


def _printable(_: object, __: str, event: EventDict) -> EventDict:
    return {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}


def set_up_logging(*, log_format: LogFormat, level: LogLevel, stream: TextIO | None = None) -> None:
    """Send structlog's events and the standard library's records to `stream` (stderr), in one form. `auto` is `console` on a terminal.

    Lines that cannot be written are dropped; the next one that can says in `lost_lines` how many they were.
    """
    out = standard_error() if stream is None else Unfailing(stream)

    def lost_lines(_: object, __: str, event: EventDict) -> EventDict:
        return {**event, "lost_lines": out.lost} if out.lost else event

    as_json = log_format is LogFormat.JSON or (log_format is LogFormat.AUTO and not out.isatty())
    number = logging.getLevelNamesMapping()[level.value.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True) if as_json else structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        lost_lines,
    ]
    if as_json:
        last: list[Processor] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str, ensure_ascii=False)]
    else:
        last = [_printable, structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", out)),
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
