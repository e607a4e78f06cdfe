"""A network that can be cut: a TCP proxy before the server, on a port of its own."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self

import httpx

CHUNK_BYTES = 64 * 1024


class Cable:
    """Use it as an async context manager. What is under way when it is cut breaks off; then nothing connects."""

    def __init__(self, upstream: str) -> None:
        self._upstream = httpx.URL(upstream)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._carriers: set[asyncio.Task[None]] = set()
        self._port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Returns once nothing is under way any more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers.copy():
            writer.transport.abort()
        if self._carriers:
            await asyncio.wait(self._carriers)

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carrier = asyncio.current_task()
        assert carrier
        self._carriers.add(carrier)
        carrier.add_done_callback(self._carriers.discard)
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection(self._upstream.host, self._upstream.port)
            self._writers.add(back)
            try:
                await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
            finally:
                self._drop(back)
        except OSError:
            pass
        finally:
            self._drop(writer)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.write_eof()
