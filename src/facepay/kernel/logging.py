"""Structured logs: one line an event, as JSON for machines or coloured for people."""

from __future__ import annotations

import logging
import traceback
from typing import Any, Literal

import structlog


def configure(level: str, format: Literal["json", "console"]) -> None:
    """Events carry ids and figures. A frame, an embedding, a name, a phone or a token is never among them."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _where_it_failed,
    ]
    render: list[structlog.typing.Processor] = (
        [structlog.processors.JSONRenderer()] if format == "json" else [structlog.dev.ConsoleRenderer()]
    )
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
    )


def _where_it_failed(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """An exception's type and where it came from; its message and the variables may hold personal data."""
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        event["where"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event
