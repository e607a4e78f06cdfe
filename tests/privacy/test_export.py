"""A member may take all that is held of them, and see who used their face for what."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from fastapi import FastAPI

from facepay.kernel.database import Database
from facepay.members.biometric_uses import Use, record_use
from facepay.privacy import export
from tests.answers import verdict
from tests.conftest import Clock, OpenShop
from tests.privacy.house import NAME, PHONE, add_regular
from tests.shop import PASSWORD, Shop

pytestmark = pytest.mark.anyio
SECRET = {"pin_hash", "sealed", "wrapped_key", "candidate_ids", "member_a", "member_b"}


async def test_an_export_holds_all_that_is_held_and_no_secret_and_nobody_else(
    open_shop: OpenShop, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 2)  # so that there are pages
    shop = await open_shop(step_up_above=1000)
    regular = await add_regular(shop, Database(database_url), teas=3)
    response = await shop.client.get(f"/v1/members/{regular.id}/export", headers=shop.staff)
    assert response.headers["Cache-Control"] == "no-store"
    found = response.json()
    tables = found["tables"]
    (member,) = tables["member"]
    assert (member["display_name"], member["phone"]) == (NAME, PHONE)
    held = {table: len(lines) for table, lines in tables.items()}
    assert {table for table, count in held.items() if count == 0} == set()
    assert (held["consent"], held["template"], held["visit"], held["shop_order"], held["order_line"]) == (1, 1, 2, 6, 5)
    assert tables["template"][0]["quality"]["eye_distance_px"] > 40
    assert [order["total"] for order in tables["shop_order"]] == [405, 11_800, 450, 450, 450, 500]
    assert {column for lines in tables.values() for line in lines for column in line} & SECRET == set()
    wallet = next(account for account in found["accounts"] if account["kind"] == "wallet")
    assert wallet["entries"][0]["posted_after"] == wallet["posted"]
    assert len(wallet["entries"]) > export.PAGE
    assert sum(entry["amount"] for entry in wallet["entries"]) == wallet["posted"]
    others = [each["id"] for each in (await shop.do("GET", "/v1/members"))["items"] if each["id"] != regular.id]
    assert others
    assert not any(other in json.dumps(found) for other in others)


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
