"""Clients that send calls: one that waits, and one for asyncio.

    with Client("https://shop.example", token=token) as client:
        answer = client(gates.enter(gate_id, frame))

Both try again what may be tried again, after longer and longer and never in step with others, or when Retry-After says.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import stamina
from httpx_sse import EventSource, ServerSentEvent

from facepay.client.calls import Call, Page
from facepay.client.problems import RateLimited, Refused, Unavailable, refusal

T = TypeVar("T")
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Retries:
    """At most so many tries within so many seconds; the first wait is about `wait_seconds`, each later one longer."""

    tries: int = 8
    within_seconds: float = 60.0
    wait_seconds: float = 0.2
    wait_seconds_max: float = 10.0

    def of(self, on: Callable[[Exception], bool | timedelta]) -> Any:
        """stamina's context, sync and async alike."""
        return stamina.retry_context(
            on=on,
            attempts=self.tries,
            timeout=self.within_seconds,
            wait_initial=self.wait_seconds,
            wait_max=self.wait_seconds_max,
            wait_jitter=self.wait_seconds,
        )

    def pause_seconds(self) -> float:
        """Before a stream that ended is taken up again, never in step with others."""
        return self.wait_seconds * random.uniform(0.5, 1.5)  # noqa: S311 (spreads load)


NEVER = Retries(tries=1)


def retried(call: Call[Any]) -> Callable[[Exception], bool | timedelta]:
    """Whether, or when, a call that ended so is sent again."""

    def again(error: Exception) -> bool | timedelta:
        if isinstance(error, httpx.TransportError):
            return call.may_be_repeated or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        if not isinstance(error, Refused):
            return False
        in_doubt = isinstance(error, Unavailable) or error.code == "idempotency_key_in_use"
        nothing_done = isinstance(error, RateLimited) or error.code == "body_too_slow"
        if not (nothing_done or (in_doubt and call.may_be_repeated)):
            return False
        return True if error.retry_after_seconds is None else timedelta(seconds=error.retry_after_seconds)

    return again


class Client:
    """`http` is an httpx.Client to share; without, it makes its own and closes it."""

    def __init__(
        self, url: str = "", *, token: str | None = None, http: httpx.Client | None = None, retries: Retries = Retries()
    ) -> None:
        self.http = http or httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS)
        self.token, self.retries, self._owned = token, retries, http is None

    def __call__(self, call: Call[T]) -> T:
        """Raises Refused, and httpx.TransportError where the network stays away."""
        for attempt in self.retries.of(retried(call)):
            with attempt:
                answer = self.http.request(**_signed(call, self.token))
                if answer.is_error:
                    raise refusal(answer)
                return call.read(answer.content)
        raise AssertionError("the last try returns or raises")

    def all(self, call: Call[Page[T]]) -> Iterator[T]:
        """Every row of a list, page after page."""
        while True:
            page = self(call)
            yield from page.items
            if page.next_cursor is None:
                return
            call = _next(call, page)

    def stream(self, call: Call[Any], *, last_event_id: str = "") -> Generator[ServerSentEvent]:
        """Events as they come, from after `last_event_id` on; a stream that ends or breaks off is taken up again.

        Raises as a call does, where it can't be.
        """
        while True:
            source = self._listen(call, last_event_id)
            with closing(source.response), suppress(httpx.TransportError):
                for event in source.iter_sse():
                    last_event_id = event.id or last_event_id
                    yield event
            time.sleep(self.retries.pause_seconds())

    def _listen(self, call: Call[Any], last_event_id: str) -> EventSource:
        for attempt in self.retries.of(retried(call)):
            with attempt:
                answer = self.http.send(
                    self.http.build_request(**_listening(call, self.token, last_event_id)), stream=True
                )
                if answer.is_error:
                    answer.read()
                    raise refusal(answer)
                return EventSource(answer)
        raise AssertionError("the last try returns or raises")

    def with_token(self, token: str) -> Client:
        """Somebody else on the same connections."""
        return Client(token=token, http=self.http, retries=self.retries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owned:
            self.http.close()


class AsyncClient:
    """The same for asyncio."""

    def __init__(
        self,
        url: str = "",
        *,
        token: str | None = None,
        http: httpx.AsyncClient | None = None,
        retries: Retries = Retries(),
    ) -> None:
        self.http = http or httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS)
        self.token, self.retries, self._owned = token, retries, http is None

    async def __call__(self, call: Call[T]) -> T:
        """Raises Refused, and httpx.TransportError where the network stays away."""
        async for attempt in self.retries.of(retried(call)):
            with attempt:
                answer = await self.http.request(**_signed(call, self.token))
                if answer.is_error:
                    raise refusal(answer)
                return call.read(answer.content)
        raise AssertionError("the last try returns or raises")

    async def all(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        """Every row of a list, page after page."""
        while True:
            page = await self(call)
            for each in page.items:
                yield each
            if page.next_cursor is None:
                return
            call = _next(call, page)

    async def stream(self, call: Call[Any], *, last_event_id: str = "") -> AsyncGenerator[ServerSentEvent]:
        """Events as they come, from after `last_event_id` on; a stream that ends or breaks off is taken up again.

        Raises as a call does, where it can't be.
        """
        while True:
            source = await self._listen(call, last_event_id)
            async with aclosing(source.response), aclosing(source.aiter_sse()) as events:
                with suppress(httpx.TransportError):
                    async for event in events:
                        last_event_id = event.id or last_event_id
                        yield event
            await asyncio.sleep(self.retries.pause_seconds())

    async def _listen(self, call: Call[Any], last_event_id: str) -> EventSource:
        async for attempt in self.retries.of(retried(call)):
            with attempt:
                answer = await self.http.send(
                    self.http.build_request(**_listening(call, self.token, last_event_id)), stream=True
                )
                if answer.is_error:
                    await answer.aread()
                    raise refusal(answer)
                return EventSource(answer)
        raise AssertionError("the last try returns or raises")

    def with_token(self, token: str) -> AsyncClient:
        """Somebody else on the same connections."""
        return AsyncClient(token=token, http=self.http, retries=self.retries)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owned:
            await self.http.aclose()


def _signed(call: Call[Any], token: str | None) -> dict[str, Any]:
    sent = call.request
    if token is not None:
        sent["headers"] = {**sent.get("headers", {}), "Authorization": f"Bearer {token}"}
    return sent


def _listening(call: Call[Any], token: str | None, last_event_id: str) -> dict[str, Any]:
    """Comments keep the line alive, so only a minute without a byte is a broken one."""
    sent = _signed(call, token) | {"timeout": httpx.Timeout(TIMEOUT_SECONDS, read=60.0)}
    sent["headers"] = {**sent.get("headers", {}), "Accept": "text/event-stream", "Cache-Control": "no-store"}
    if last_event_id:
        sent["headers"]["Last-Event-ID"] = last_event_id
    return sent


def _next(call: Call[Page[T]], page: Page[T]) -> Call[Page[T]]:
    return replace(call, query={**call.query, "cursor": str(page.next_cursor)})
