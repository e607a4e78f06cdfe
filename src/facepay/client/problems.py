"""What the API refuses, as exceptions: `code` is stable, `detail` is for people (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

MEDIA_TYPE = "application/problem+json"


class Refused(Exception):
    """`more` holds the measured values that led to it, `retry_after_seconds` when it may be asked again."""

    def __init__(self, status: int, document: Mapping[str, Any], retry_after_seconds: float | None = None) -> None:
        self.status = status
        self.code = str(document.get("code", f"http_{status}"))
        self.title = str(document.get("title", ""))
        self.detail = str(document.get("detail", ""))
        self.request_id = str(document.get("request_id", ""))
        self.more = {name: value for name, value in document.items() if name not in _KNOWN}
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{status} {self.code}: {self.detail or self.title}")


_KNOWN = {"type", "title", "status", "code", "detail", "request_id"}


class Unauthenticated(Refused):
    """401: the token is missing, wrong, expired or taken back."""


class Forbidden(Refused):
    """403: this token may not do that."""


class NotFound(Refused):
    """404."""


class Conflict(Refused):
    """409: as things stand now, it can't be done."""


class Invalid(Refused):
    """422: the request itself is wrong; `more["errors"]` says where."""


class RateLimited(Refused):
    """429: too often."""


class Unavailable(Refused):
    """5xx: nobody can say whether it was done, until it is sent again under the same key."""


KINDS: Mapping[int, type[Refused]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Invalid,
    429: RateLimited,
}


def refusal(answer: httpx.Response) -> Refused:
    """Of an answer that has been read; a proxy's page that is no problem document counts by its status."""
    told = answer.headers.get("Content-Type", "").startswith(MEDIA_TYPE)
    kind = KINDS.get(answer.status_code, Unavailable if answer.status_code >= 500 else Refused)
    return kind(answer.status_code, answer.json() if told else {}, _seconds(answer.headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdecimal() else None
