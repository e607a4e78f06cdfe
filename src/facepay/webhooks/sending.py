"""One attempt: a POST over a checked connection, and what came of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from importlib.metadata import version
from time import perf_counter
from typing import Literal

import httpcore
from pydantic import AnyHttpUrl

from facepay.webhooks.destinations import AddressRefused, CheckedNetwork, Destinations, Resolve, UrlRefused, resolve
from facepay.webhooks.schedule import read_retry_after

CONNECT_SECONDS_MAX = 5.0
WHOLE_SECONDS_MAX = 15.0
ANSWER_BYTES_MAX = 64 * 1024
EXCERPT_CHARACTERS_MAX = 500
KEEP_ALIVE_SECONDS = 30.0
GONE = 410
Failure = Literal[
    "address_refused", "connection_failed", "tls_failed", "timeout", "answer_unreadable", "could_not_be_sent"
]
REFUSED_OR_BROKEN = (
    UrlRefused,
    AddressRefused,
    TimeoutError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: a status, or else why there was none."""

    duration_ms: int = 0
    status: int | None = None
    failure: Failure | None = None
    excerpt: str = ""
    retry_after: timedelta | None = None

    @property
    def succeeded(self) -> bool:
        return self.failure is None and self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        return self.failure is None and self.status == GONE


class Sender:
    """Sends over connections to where `destinations` allows. Redirects aren't followed, and proxies aren't used."""

    def __init__(
        self,
        destinations: Destinations,
        *,
        connections_max: int,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        connect_seconds_max: float = CONNECT_SECONDS_MAX,
        whole_seconds_max: float = WHOLE_SECONDS_MAX,
    ) -> None:
        self.destinations, self._connections_max = destinations, connections_max
        self._resolve, self._tls = resolve, tls
        self._connect_seconds, self._whole_seconds = connect_seconds_max, whole_seconds_max

    async def send(self, url: str, *, headers: Mapping[str, str], body: bytes, now: datetime) -> Reply:
        """Never raises for what the other side does or is."""
        start = perf_counter()
        status, excerpt, retry_after, failure = None, "", None, None
        try:
            self.destinations.check(AnyHttpUrl(url))
            async with asyncio.timeout(self._whole_seconds):
                status, answer, asked = await self._post(url, headers, body)
            excerpt, retry_after = _excerpt(answer), read_retry_after(asked, now=now)
        except REFUSED_OR_BROKEN as error:
            failure = _why(error)
        return Reply(
            duration_ms=round((perf_counter() - start) * 1000),
            status=status,
            failure=failure,
            excerpt=excerpt,
            retry_after=retry_after,
        )

    async def close(self) -> None:
        if "_pool" in vars(self):
            await self._pool.aclose()

    @cached_property
    def _pool(self) -> httpcore.AsyncConnectionPool:
        """Made when it's first needed: reading the authorities that TLS trusts takes 20 ms."""
        return httpcore.AsyncConnectionPool(
            ssl_context=self._tls or ssl.create_default_context(),
            max_connections=self._connections_max,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=CheckedNetwork(self.destinations, self._resolve),
        )

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes, str]:
        """Status, the beginning of the answer, and its Retry-After."""
        sent: list[tuple[str | bytes, str | bytes]] = [
            ("host", _authority(AnyHttpUrl(url))),
            ("content-type", "application/json"),
            ("accept-encoding", "identity"),
            ("user-agent", f"facepay/{version('facepay')}"),
            *headers.items(),
        ]
        limits = {"timeout": {"connect": self._connect_seconds}}
        async with self._pool.stream("POST", url, headers=sent, content=body, extensions=limits) as response:
            answer = bytearray()
            async for chunk in response.aiter_stream():
                answer += chunk
                if len(answer) >= ANSWER_BYTES_MAX:
                    break  # which closes the connection
            asked = [value for name, value in response.headers if name.lower() == b"retry-after"]
            return response.status, bytes(answer), b"".join(asked[:1]).decode("latin-1")


def _why(error: Exception) -> Failure:
    if isinstance(error, UrlRefused | AddressRefused):
        return "address_refused"
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        return "timeout"
    if isinstance(error, httpcore.ConnectError):
        # httpcore hands on what it was raised for as its argument, and takes the cause away.
        return "tls_failed" if any(isinstance(each, ssl.SSLError) for each in error.args) else "connection_failed"
    return "answer_unreadable"


def _authority(url: AnyHttpUrl) -> str:
    """The Host header, with the brackets of an IPv6 address, which httpcore leaves out."""
    is_default = url.port == (443 if url.scheme == "https" else 80)
    return f"{url.host}" if is_default else f"{url.host}:{url.port}"


def _excerpt(answer: bytes) -> str:
    """The beginning as text on one line; Postgres stores no NUL."""
    text = answer[: 4 * EXCERPT_CHARACTERS_MAX].decode(errors="replace")
    printable = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(printable.split())[:EXCERPT_CHARACTERS_MAX]
