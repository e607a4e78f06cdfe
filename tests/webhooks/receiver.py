"""A shop's own server, which hears webhooks: a real one on a socket, as friendly or as nasty as a test wants."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

WITHIN_SECONDS = 10


@dataclass(frozen=True)
class Heard:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def data(self) -> Any:
        return json.loads(self.body)["data"]


@dataclass(frozen=True)
class Answer:
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    endless: bool = False


@dataclass
class Receiver:
    """`answer` says what each request is answered; while `open` isn't set, nothing is (on `closed_paths`, if there are
    any)."""

    port: int = 0
    answer: Callable[[Heard], Answer] = lambda heard: Answer()
    heard: list[Heard] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    closed_paths: frozenset[str] = frozenset()
    under_way: set[tuple[str, str]] = field(default_factory=set)
    collided: bool = False  # somebody sent what somebody else was sending
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, path: str = "/hooks", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def ids(self, path: str = "/hooks") -> list[str]:
        return [each.id for each in self.heard if each.path == path]

    async def wait_for(self, count: int, path: str = "/hooks") -> list[Heard]:
        """What was heard there, once there is as much of it."""
        async with asyncio.timeout(WITHIN_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: len(self.ids(path)) >= count)
        return [each for each in self.heard if each.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heard = await self._read(reader)
            key = (heard.path, heard.id)
            self.collided |= key in self.under_way
            self.under_way.add(key)
            async with self._arrived:
                self.heard.append(heard)
                self._arrived.notify_all()
            if not self.closed_paths or heard.path in self.closed_paths:
                await self.open.wait()
            await self.respond(writer, self.answer(heard))
            self.under_way.discard(key)
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever called has left
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Heard:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        return Heard(path=first.split(" ")[1], headers=headers, body=body)

    async def respond(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        length = {} if answer.endless else {"Content-Length": str(len(answer.body))}
        headers = {"Connection": "close"} | length | answer.headers
        lines = [f"HTTP/1.1 {answer.status} As Told", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + answer.body)
        await writer.drain()
        while answer.endless:
            writer.write(b"more " * 1000)
            await writer.drain()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.open.set()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.open.set()
        server.close()
