from __future__ import annotations

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from facepay.members.members import Member
from tests.answers import verdict
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_a_pin_is_kept_as_a_hash_and_shown_to_nobody(shop: Shop, app: FastAPI) -> None:
    member_id = await shop.add_member(0, enrol=False, pin="739150")
    assert (await shop.do("GET", f"/v1/members/{member_id}"))["has_pin"]
    async with app.state.database.begin() as session:
        kept = await session.scalar(select(Member.pin_hash))
    assert kept.startswith("$argon2id$")
    assert "739150" not in kept


async def test_pins_that_anybody_would_try_are_refused(shop: Shop) -> None:
    member_id = await shop.add_member(0, enrol=False, phone="+8613800137394")
    path = f"/v1/members/{member_id}/pin"
    for pin in ("0000", "1234", "9876", "1357", "7890", "1212", "123123", "999999999999", "7394", "37394"):
        response = await shop.client.put(path, json={"pin": pin}, headers=shop.staff)
        assert verdict(response) == (422, "weak_pin"), pin
    for malformed in ("123", "1234567890123", "12a4", "٧٣٩١", "73 91", "", None, 7391, "7391\n", "73\x0091"):
        response = await shop.client.put(path, json={"pin": malformed}, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request"), malformed
    assert not (await shop.do("GET", f"/v1/members/{member_id}"))["has_pin"]
    for pin in ("7391", "2580147", "112358132134"):
        await shop.do("PUT", path, json={"pin": pin})
