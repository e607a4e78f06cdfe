"""Routes that will go: said in the docs and in each of their answers, half a year before at least."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from typing import Any

from fastapi import Depends, Request

NOTICE_LEAST = timedelta(days=180)


def deprecated(*, since: date, sunset: date, link: str) -> dict[str, Any]:
    """For a route, as `@router.get("/…", **deprecated(since=…, sunset=…, link=…))`; `link` tells what to use instead.

    Its answers, refusals too, carry Deprecation (RFC 9745), Sunset (RFC 8594) and Link; OpenAPI marks it. Raises
    ValueError where it would go too soon.
    """
    if sunset - since < NOTICE_LEAST:
        raise ValueError(f"whoever uses it has {NOTICE_LEAST.days} days at least, not {(sunset - since).days}")
    headers = (
        (b"deprecation", f"@{int(_midnight(since).timestamp())}".encode()),
        (b"sunset", format_datetime(_midnight(sunset), usegmt=True).encode()),
        (b"link", f'<{link}>; rel="deprecation"; type="text/html"'.encode()),
    )

    async def say(request: Request) -> None:
        request.state.answer_headers = headers

    return {
        "deprecated": True,
        "dependencies": [Depends(say)],
        "openapi_extra": {"x-sunset": sunset.isoformat(), "externalDocs": {"url": link}},
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
