"""Where members come to complain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests.shop import Shop


@dataclass
class Counter:
    """Staff who take disputes, and end them."""

    shop: Shop

    async def dispute(self, kind: str, decision_id: str, *, said_by: str = "member", **headers: Any) -> httpx.Response:
        body = {"decision": {"kind": kind, "id": decision_id}, "reason": "I wasn't there", "said_by": said_by}
        return await self.shop.client.post("/v1/disputes", json=body, headers=self.shop.staff | headers)

    async def opened(self, kind: str, decision_id: str) -> str:
        answer = await self.dispute(kind, decision_id)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def resolve(self, dispute_id: str, found: str, *, key: str | None = None, **body: Any) -> httpx.Response:
        return await self.shop.client.post(
            f"/v1/disputes/{dispute_id}/resolution",
            json={"verdict": found, "note": "Looked at it"} | body,
            headers=self.shop.staff | {"Idempotency-Key": key or uuid4().hex},
        )

    async def resolved(self, dispute_id: str, found: str, **body: Any) -> Any:
        answer = await self.resolve(dispute_id, found, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def see(self, dispute_id: str) -> Any:
        return await self.shop.do("GET", f"/v1/disputes/{dispute_id}")

    async def look(self, dispute_id: str, reason: str | None = "The member asked") -> httpx.Response:
        params = {"reason": reason} if reason else {}
        path = f"/v1/disputes/{dispute_id}/evidence"
        return await self.shop.client.get(path, params=params, headers=self.shop.staff)
