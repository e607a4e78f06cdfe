"""Work that somebody waits for, and no longer than they do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import Request
from starlette.requests import ClientDisconnect

from facepay.kernel.errors import Overloaded


@asynccontextmanager
async def while_awaited(request: Request, *, longest: timedelta) -> AsyncIterator[None]:
    """Cancel the block when the caller hangs up, or after so long. Raises ClientDisconnect or Overloaded.

    For a request whose body was read: what its connection has to say then is that it is gone.
    """
    loop = asyncio.get_running_loop()
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone = True
        limit.reschedule(loop.time())

    try:
        async with asyncio.timeout(longest.total_seconds()) as limit:
            watching = loop.create_task(watch())
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError:
        raise (ClientDisconnect() if gone else Overloaded("Nobody waits for this request any more.")) from None
