"""What happens to every request: an id, a bound on its body, a log line, a metric."""

from __future__ import annotations

import asyncio
import re
from math import ceil
from time import perf_counter
from uuid import uuid4

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facepay.kernel.metrics import Metrics
from facepay.kernel.problems import respond_to, respond_to_bug
from facepay.kernel.rates import UNLIMITED_PATHS, RateLimited, RateLimits, caller_of
from facepay.kernel.telemetry import Traces, note, note_answer
from facepay.kernel.uploads import BodyTooLarge, BodyTooSlow, declared_bytes

log = structlog.get_logger()
MEBIBYTE = 1024 * 1024
JSON_BYTES_MAX = MEBIBYTE
# By the start of the Content-Type. What one frame or file may be is decided where it is read.
BODY_BYTES_MAX = {"image/": 17 * MEBIBYTE, "multipart/": 85 * MEBIBYTE, "text/csv": 10 * MEBIBYTE}
# A body has so long, and longer the more of it has come: a device that lost its network in the middle of a frame would
# hold its place at the models for ever.
BODY_SECONDS, BODY_BYTES_A_SECOND = 20.0, 16 * 1024
HUNG_UP = 499  # as nginx counts whoever goes before they are answered, which is no fault of ours
REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


class RequestGuard:
    """The outermost layer around the app."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, rates: RateLimits, traces: Traces) -> None:
        self.app = app
        self.metrics = metrics
        self.rates = rates
        self.traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        request_id = _request_id(request)
        scope.setdefault("state", {})["request_id"] = request_id
        with self.traces.of_request(request.method, request.headers) as trace_id:
            about = {"request_id": request_id} | ({"trace_id": trace_id} if trace_id else {})
            with structlog.contextvars.bound_contextvars(**about):
                await self._answer(request, receive, send, request_id, trace_id)

    async def _answer(
        self, request: Request, receive: Receive, send: Send, request_id: str, trace_id: str | None
    ) -> None:
        scope = request.scope
        start = perf_counter()
        status: int | None = None  # until the answer starts

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = scope["state"].get("answer_headers", ())
                took = f"total;dur={(perf_counter() - start) * 1000:.1f}"
                own = (b"x-request-id", request_id.encode()), (b"server-timing", took.encode())
                message["headers"] = [*message["headers"], *own, *told]
            await send(message)

        try:
            await self._within_rate(request, receive, send_with_id)
        except ClientDisconnect:
            status = status or HUNG_UP
        except Exception as error:
            # It ends here: the server would log its message, which may hold personal data.
            answer = respond_to_bug(request, error)
            if status is not None:
                raise RuntimeError("an answer was broken off") from None
            await answer(scope, receive, send_with_id)
        finally:
            if told := scope["state"].get("when_answered"):
                await told(status or 500)
            self._record(scope, status or 500, perf_counter() - start, trace_id)

    async def _within_rate(self, request: Request, receive: Receive, send: Send) -> None:
        if request.url.path in UNLIMITED_PATHS or request.scope["state"].get("from_within"):
            await self._within_limit(request, receive, send)
            return
        caller = caller_of(request)
        limit, wait_seconds = self.rates.take(caller)
        if wait_seconds:
            self.metrics.rate_limited.labels(limit).inc()
            await respond_to(request, _too_many(limit, wait_seconds))(request.scope, receive, send)
            return
        await self._within_limit(request, receive, send)
        if "principal_kind" in request.scope["state"]:  # whoever was refused before that may be anybody
            self.rates.answered(caller, request.scope["state"]["principal_kind"])

    async def _within_limit(self, request: Request, receive: Receive, send: Send) -> None:
        limit = _body_bytes_max(request)
        if declared_bytes(request) > limit:
            await respond_to(request, _too_large(limit))(request.scope, receive, send)
            return
        received, arriving, begun = 0, True, asyncio.get_running_loop().time()

        async def receive_bounded() -> Message:
            nonlocal received, arriving
            if not arriving:  # what there is to hear now is that the caller has gone
                return await receive()
            try:
                async with asyncio.timeout_at(begun + BODY_SECONDS + received / BODY_BYTES_A_SECOND):
                    message = await receive()
            except TimeoutError:
                # Not a Problem: FastAPI takes whatever else goes wrong while it reads a body for a bad request.
                raise HTTPException(BodyTooSlow.status) from None
            received, arriving = received + len(message.get("body", b"")), message.get("more_body", False)
            # It may be sent in chunks, with no length to refuse it by.
            if received > (limit if request.scope["state"].get("expects_upload") else JSON_BYTES_MAX):
                raise HTTPException(BodyTooLarge.status)
            return message

        await self.app(request.scope, receive_bounded, send)

    def _record(self, scope: Scope, status: int, seconds: float, trace_id: str | None) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        self.metrics.requests.labels(scope["method"], route, str(status)).observe(
            seconds, exemplar={"trace_id": trace_id} if trace_id else None
        )
        note_answer(scope["method"], route, status)
        note(problem=scope["state"].get("problem"), request_id=scope["state"]["request_id"])
        log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


def _request_id(request: Request) -> str:
    sent = request.headers.get("x-request-id", "")
    return sent if REQUEST_ID.match(sent) else str(uuid4())


def _body_bytes_max(request: Request) -> int:
    kind = request.headers.get("content-type", "").strip().lower()
    return next((limit for prefix, limit in BODY_BYTES_MAX.items() if kind.startswith(prefix)), JSON_BYTES_MAX)


def from_within(app: ASGIApp) -> ASGIApp:
    """The app for requests that this process sends itself: whoever caused them was counted already."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {**scope.get("state", {}), "from_within": True}}, receive, send)

    return call


def _too_many(limit: str, wait_seconds: float) -> RateLimited:
    seconds = ceil(wait_seconds)
    detail = f"Too many requests came from this {limit}; go on in {seconds} s."
    return RateLimited(detail, headers={"Retry-After": str(seconds)}, limited_by=limit)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"A body of this kind has at most {limit:,} bytes.", bytes_max=limit)
