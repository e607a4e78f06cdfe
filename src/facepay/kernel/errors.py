"""Refusals as RFC 9457 problems: one base class, one stable code for each rule."""

from __future__ import annotations

from secrets import randbelow
from typing import Any, ClassVar

# Those that are refused together don't come back together.
RETRY_AFTER_SECONDS_MAX = 3


class Problem(Exception):
    """A request that can't be served, and why.

    A room subclasses it beside the rule that raises it. `detail` is one sentence for a person; `measured`
    are the values that led to the refusal (never a biometric or a secret) and become members of the
    problem document.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    title: ClassVar[str] = "Bad request"

    def __init__(self, detail: str, *, headers: dict[str, str] | None = None, **measured: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}
        self.measured = measured


class NotFound(Problem):
    status = 404
    code = "not_found"
    title = "Not found"


class Conflict(Problem):
    status = 409
    code = "conflict"
    title = "Conflict"


class Forbidden(Problem):
    status = 403
    code = "forbidden"
    title = "Forbidden"


class Unauthenticated(Problem):
    status = 401
    code = "unauthenticated"
    title = "Not signed in"


class Overloaded(Problem):
    """Every worker is busy and the queue is full: come back later (`Retry-After`)."""

    status = 503
    code = "overloaded"
    title = "Overloaded"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": str(1 + randbelow(RETRY_AFTER_SECONDS_MAX))})
