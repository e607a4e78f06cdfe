"""/openapi.json, made and written in a thread: its seconds are no gate's."""

from __future__ import annotations

import asyncio
import json
from functools import cache

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def install(app: FastAPI) -> None:
    """Instead of FastAPI's own route, which makes the document on the event loop."""
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", None) != app.openapi_url]
    asking = asyncio.Lock()

    @cache
    def written() -> bytes:
        # A piece at a time: the whole in one call of C would keep the event loop out for as long as it takes.
        return "".join(WRITER.iterencode(app.openapi())).encode()

    async def document(_: Request) -> Response:
        async with asking:  # made once, however many ask meanwhile
            return Response(await asyncio.to_thread(written), media_type="application/json")

    if app.openapi_url:
        app.add_route(app.openapi_url, document, include_in_schema=False)
