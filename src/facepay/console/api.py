"""The console's way to everything: the API, called in this process with the rights of whoever is signed in.

So a page can do what its reader's role can, and nothing else, by the rules and limits that hold for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from fastapi import FastAPI

from facepay.kernel.auth import Principal
from facepay.kernel.http import from_within


class Refused(Exception):
    """The API said no: `problem` is its document (RFC 9457)."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("code"))
        self.problem = problem

    @property
    def status(self) -> int:
        return int(self.problem.get("status", 500))


class Api:
    def __init__(self, app: FastAPI, me: Principal) -> None:
        self._transport = httpx.ASGITransport(from_within(app), raise_app_exceptions=False)
        self._headers = {"Authorization": f"Bearer {me.bearer}"}

    async def get(self, path: str, **query: Any) -> Any:
        """What the API answers, parsed. Query values of None are left out. Raises Refused."""
        return _parsed(await self.read(path, **query))

    async def send(self, method: str, path: str, json: Any = None, *, key: str | None = None, **body: Any) -> Any:
        """`json`, or httpx's `data=`, `files=`, `content=`; `key` is the Idempotency-Key. Raises Refused."""
        headers = body.pop("headers", {}) | ({"Idempotency-Key": key} if key else {})
        return _parsed(await self._respond(method, path, json=json, headers=headers, **body))

    async def read(self, path: str, **query: Any) -> httpx.Response:
        """The answer as it is, for what is no JSON: pictures, CSV. Raises Refused."""
        asked = {name: value for name, value in query.items() if value is not None}
        return await self._respond("GET", path, params=asked)

    async def _respond(self, method: str, path: str, **request: Any) -> httpx.Response:
        request["headers"] = self._headers | request.get("headers", {})
        async with httpx.AsyncClient(transport=self._transport, base_url="http://console") as client:
            response = await client.request(method, path, **request)
        if response.is_error:
            raise Refused(response.json())
        return response


def _parsed(response: httpx.Response) -> Any:
    return response.json() if response.content else None
