"""Structured logs: one line an event, as JSON for machines or coloured for people."""

from __future__ import annotations

import logging
from typing import Literal

import structlog


def configure(level: str, format: Literal["json", "console"]) -> None:
    """Events carry ids and figures. A frame, an embedding, a name, a phone or a token is never among them."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[structlog.typing.Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if format == "json"
        else [structlog.dev.ConsoleRenderer()]
    )
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
    )
