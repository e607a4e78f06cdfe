"""What happens to every request: an id, a bound on its body, a log line, a metric."""

from __future__ import annotations

import re
from time import perf_counter
from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facepay.kernel.errors import Problem
from facepay.kernel.metrics import Metrics
from facepay.kernel.problems import respond

log = structlog.get_logger()
REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
JSON_BYTES_MAX = 1024 * 1024


class BodyTooLarge(Problem):
    status = 413
    code = "body_too_large"
    title = "Body too large"


class RequestGuard:
    """The outermost layer around the app."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, body_bytes_max: int) -> None:
        self.app = app
        self.metrics = metrics
        self.body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        request_id = _request_id(request)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        start, status = perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._within_limit(request, receive, send_with_id)
        finally:
            self._record(scope, status, perf_counter() - start)
            structlog.contextvars.clear_contextvars()

    async def _within_limit(self, request: Request, receive: Receive, send: Send) -> None:
        limit = self.body_bytes_max if _carries_files(request) else JSON_BYTES_MAX
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            answer = respond(
                request,
                BodyTooLarge.status,
                BodyTooLarge.code,
                BodyTooLarge.title,
                f"The body has {declared} bytes; at most {limit} are taken.",
                bytes_max=limit,
            )
            await answer(request.scope, receive, send)
            return
        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:  # sent in chunks, with no length to refuse it by
                raise BodyTooLarge(f"The body exceeds {limit} bytes.", bytes_max=limit)
            return message

        await self.app(request.scope, receive_bounded, send)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        self.metrics.requests.labels(scope["method"], route, str(status)).observe(seconds)
        log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


def _request_id(request: Request) -> str:
    sent = request.headers.get("x-request-id", "")
    return sent if REQUEST_ID.match(sent) else str(uuid4())


def _carries_files(request: Request) -> bool:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return kind.startswith(("image/", "multipart/", "text/csv", "application/octet-stream"))
