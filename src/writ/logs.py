"""Structured logs: one JSON object a line, on standard error."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson
import structlog


class _Lines:
    """Where `write_info` writes; nothing below the configured level."""

    stream: BinaryIO | None = None
    configured = False


def configure_logging(level: str) -> None:
    """Set structlog and the standard library's logging up for this process."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, format="%(message)s")
    _Lines.stream = sys.stderr.buffer if number <= logging.INFO else None
    _Lines.configured = True
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )


def _dumps(value: Any, **_options: Any) -> bytes:
    return orjson.dumps(value, default=str)


def write_info(event: str, fields: dict[str, Any]) -> None:
    """Write the line that `structlog.get_logger().info(event, **fields)` would, in a quarter of the time.

    For the line of every request; it takes no context variables.
    """
    if not _Lines.configured:
        structlog.get_logger().info(event, **fields)
    elif (stream := _Lines.stream) is not None:
        line = {**fields, "event": event, "level": "info", "timestamp": datetime.now(UTC)}
        stream.write(orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))
        stream.flush()
