"""What is told without network, and was charged, told or forbidden another way already."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi import FastAPI

from facepay.kernel.clock import utc_now
from facepay.shelves.settling import charge_left_visits
from tests.offline.field import TEA, Field, outcomes, tell_raw
from tests.shelves.shelf import Shelf

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_many_small_sales_stay_within_what_a_device_may_take_of_one_pass(field: Field) -> None:
    member = await field.shop.add_member_without_face(balance=50_000)
    await field.allow(payment_max=1_000, pass_max=1_500)
    kiosk = await field.device("kiosk")
    kiosk.sell(await field.signed_pass(member), TEA)
    untold = kiosk.journal.untold()
    assert untold
    (post,) = untold.posts
    answer = await tell_raw(kiosk, posts=[post | {"sequence": number} for number in (1, 2)])
    assert outcomes(answer.json()["verdicts"]) == [("accepted", "accepted"), ("disputed", "over_pass_max")]


async def test_whoever_owes_is_not_let_in_without_network_either(field: Field) -> None:
    shop = field.shop
    member = await shop.add_member_without_face(balance=5_000)
    shown = await field.signed_pass(member)
    order = (await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], TEA)).json()["order"]
    body = {"lines": [{"sku": "UMB-003", "quantity": 1}], "reason": "Left out"}
    await shop.do("POST", f"/v1/orders/{order['id']}/supplements", json=body, headers={"Idempotency-Key": uuid4().hex})
    gate = await field.device("gate")
    assert gate.admit(shown).code == "pass_revoked"
    await shop.top_up(member, 10_000)
    await gate.sync()
    assert gate.admit(shown).allowed


async def test_what_a_shelf_had_charged_by_then_is_not_charged_again(field: Field, app: FastAPI) -> None:
    """The gate's queue comes first: the visit is over, and its basket is charged before the kiosk tells of the sale."""
    shop = field.shop
    member = await shop.add_member_without_face(balance=50_000)
    await shop.pass_at_gate((await shop.issue_pass(member))["pass"])
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A1", -1024.0))
    kiosk, gate = await field.device("kiosk"), await field.device("gate")
    shown = await field.signed_pass(member)
    assert kiosk.sell(shown, TEA).allowed
    assert gate.admit(shown, "exit").allowed
    await gate.tell()
    later = utc_now() + timedelta(minutes=30)
    assert await charge_left_visits(app.state.database, settings=app.state.settings, now=later) == 1
    assert outcomes(await kiosk.tell()) == [("disputed", "charged_meanwhile")]
    assert await shop.balance(member) == 49_100
