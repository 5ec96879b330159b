"""One log for the bot, the engine and their libraries: events with values, on stderr."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, TextIO

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from structlog.typing import EventDict, Processor, WrappedLogger

OWN_LOGGERS = ("bot", "engine")
"""Only these go down to DEBUG: there the libraries print whole payloads, with prompts and tokens in them."""
TOKEN_IN_URL = re.compile(r"(/(?:webhooks|interactions)/\d+/)[^/\s?'\"]+")
"""Interaction tokens stand in the paths that discord.py names when Discord is slow or refuses."""
HIDDEN = "[hidden]"


def configure(level: str, *, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """
    Send structlog's and the standard library's loggers to one handler.

    A terminal gets aligned lines to read, everything else one `key=value` line per event.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        secrets: texts that never appear, wherever they come from.
        stream: None is stderr.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(is_terminal=stream.isatty(), secrets=tuple(filter(None, secrets))))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.INFO, logging.getLevelNamesMapping()[level]))
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        _without_prompts,
    ]


def _formatter(*, is_terminal: bool, secrets: tuple[str, ...]) -> logging.Formatter:
    def hide(_logger: WrappedLogger, _name: str, line: str) -> str:
        for secret in secrets:
            line = line.replace(secret, HIDDEN)
        return TOKEN_IN_URL.sub(rf"\g<1>{HIDDEN}", line)

    renderers: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if is_terminal:
        renderers += [
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    else:
        first = ["timestamp", "level", "event", "logger"]
        renderers += [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=first, drop_missing=True, bool_as_flag=False),
        ]
    # A renderer gives text, and what follows it takes text: structlog's type for processors knows only the dict.
    renderers.append(hide)  # type: ignore[arg-type]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_shared_processors(), processors=renderers)


def _without_prompts(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Prompts are people's own words: only a log at DEBUG holds them."""
    if event["level"] != "debug":
        event.pop("prompt", None)
        event.pop("negative_prompt", None)
    return event
