"""A member may take all that is held of them, and see who used their face for what."""

from __future__ import annotations

from uuid import UUID

import pytest
from fastapi import FastAPI

from facepay.members.biometric_uses import Use, record_use
from tests.answers import verdict
from tests.conftest import Clock
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
SECRET = {"pin_hash", "sealed", "wrapped_key", "candidate_ids", "member_a", "member_b"}


async def test_an_export_is_itself_on_the_trail_and_takes_a_scope_of_its_own(shop: Shop) -> None:
    member = await shop.add_member(0)
    found = await shop.do("GET", f"/v1/members/{member}/export")
    uses = [each["use"] for each in found["tables"]["biometric_use"]]
    assert uses == ["enrolled", "exported"]
    body = {"username": "reader", "display_name": "Reader", "role": "auditor", "password": PASSWORD}
    await shop.do("POST", "/v1/staff", json=body)
    form = {"username": "reader", "password": PASSWORD}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    reader = {"Authorization": f"Bearer {token}"}
    assert verdict(await shop.client.get(f"/v1/members/{member}/export", headers=reader)) == (403, "insufficient_scope")
    assert (await shop.client.get(f"/v1/members/{member}/biometric-uses", headers=reader)).is_success


async def test_the_trail_shows_every_use_newest_first_a_page_at_a_time(shop: Shop, app: FastAPI, clock: Clock) -> None:
    member = await shop.add_member(0)
    async with app.state.database.begin() as session:
        for similarity in (0.5, 0.625):
            record_use(
                session,
                member_id=UUID(member),
                use=Use.RECOGNISED,
                actor=f"device:{shop.gate_id}",
                similarity=similarity,
                now=clock(),
            )
            await session.flush()
    path = f"/v1/members/{member}/biometric-uses"
    first = await shop.do("GET", f"{path}?limit=2")
    second = await shop.do("GET", f"{path}?limit=2&cursor={first['next_cursor']}")
    uses = [(each["use"], each["similarity"]) for each in first["items"] + second["items"]]
    assert uses == [("recognised", 0.625), ("recognised", 0.5), ("enrolled", None)]
    assert first["items"][0]["actor"] == f"device:{shop.gate_id}"
    await shop.do("DELETE", f"/v1/members/{member}/face")
    assert (await shop.do("GET", path))["items"][0]["use"] == "withdrawn", "the trail outlives the face"
