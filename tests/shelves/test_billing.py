"""Who pays for what shelves told, how often, and what becomes of it where something is in the way."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from facepay.checkout.orders import Order
from facepay.kernel.ids import new_id
from tests.shelves.office import BALANCE, Office
from tests.shelves.shelf import Shelf, go_out, let_in, pay_at_kiosk
from tests.shop import PRICES, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_whoever_passed_with_nothing_is_charged_for_what_staff_find(shop: Shop, office: Office) -> None:
    member, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A3", -410.0, hand=False))
    await office.pay(visit)
    assert await shop.balance(member) == BALANCE
    (review,) = await shelf.reviews()
    assert (await office.decide(review, 1)).status_code == 200
    assert await shop.balance(member) == BALANCE - PRICES["UMB-003"]
    assert await office.told(member) == [("charged_later", PRICES["UMB-003"])]


async def test_what_was_paid_at_the_kiosk_is_not_charged_again_when_the_shelf_tells_of_it_late(
    shop: Shop, office: Office
) -> None:
    member, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    late = shelf.event("A1", -1024.0)
    await pay_at_kiosk(shop, member, {"TEA-001": 1})
    await office.pay(visit)  # passes with nothing
    await shelf.tell(late)
    await office.settle()
    assert await shop.balance(member) == BALANCE - 2 * PRICES["TEA-001"]


async def test_what_the_host_paid_at_the_kiosk_is_not_charged_again_for_the_guest(shop: Shop, office: Office) -> None:
    host, host_visit = await let_in(shop)
    _, guest_visit = await let_in(shop)
    await office.group(host_visit, guest_visit)
    shelf = await Shelf.put_up(shop)
    await office.correct(guest_visit, "TEA-001", 1)
    await office.correct(host_visit, "BAO-002", 1)
    await pay_at_kiosk(shop, host, {"TEA-001": 1, "BAO-002": 1})
    for visit in (guest_visit, host_visit):
        await go_out(shop, visit)
    await office.charge_left()
    assert await shop.balance(host) == BALANCE - PRICES["TEA-001"] - PRICES["BAO-002"]
    assert await shelf.reviews() == []


async def test_what_came_back_at_the_desk_makes_no_unsure_take_a_sure_one(shop: Shop, office: Office) -> None:
    member, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    late = shelf.event("A1", -512.0, hand=False)
    await shelf.tell(shelf.event("A1", -1024.0))
    await office.pay(visit)
    (order,) = (await shop.do("GET", "/v1/orders", params={"member_id": member}))["items"]
    body = {"lines": [{"sku": "TEA-001", "quantity": 1}], "reason": "Wrong kind"}
    await shop.do("POST", f"/v1/orders/{order['id']}/returns", json=body, headers={"Idempotency-Key": uuid4().hex})
    await shelf.tell(late)
    await office.settle()
    assert await shop.balance(member) == BALANCE - PRICES["TEA-001"]


async def test_one_that_fails_holds_up_no_other(shop: Shop, office: Office) -> None:
    members, late, shelf = [], [], await Shelf.put_up(shop)
    for _ in "ab":
        member, visit = await let_in(shop)
        await shelf.tell(shelf.event("A3", -410.0))
        late.append(shelf.event("A3", 410.0))
        await office.pay(visit)
        await go_out(shop, visit)
        members.append(member)
    async with office.database.begin() as session:  # books that no refund of the first fits into
        wrong = update(Order).where(Order.member_id == UUID(members[0])).values(transfer_id=new_id())
        await session.execute(wrong)
    await shelf.tell(*late)
    await office.settle()
    assert [await shop.balance(member) for member in members] == [BALANCE - PRICES["UMB-003"], BALANCE]
    assert len(await shelf.reviews()) == 1


async def test_a_kiosks_order_that_was_cancelled_has_paid_for_nothing_that_was_kept(shop: Shop, office: Office) -> None:
    shelf = await Shelf.put_up(shop)
    for goods_kept in (True, False):
        member, visit = await let_in(shop)
        await shelf.tell(shelf.event("A1", -512.0))
        order = await pay_at_kiosk(shop, member, {"TEA-001": 1})
        body = {"reason": "Charged twice", "goods_kept": goods_kept}
        path = f"/v1/orders/{order['id']}/cancellation"
        await shop.do("POST", path, json=body, headers={"Idempotency-Key": uuid4().hex})
        await go_out(shop, visit)
        await office.charge_left()
        assert await shop.balance(member) == BALANCE - (PRICES["TEA-001"] if goods_kept else 0), goods_kept


async def test_whoever_left_unpaid_is_erased_once_that_is_settled(shop: Shop, office: Office) -> None:
    member, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    await shelf.tell(shelf.event("A3", -410.0))
    await go_out(shop, visit)
    erasure = f"/v1/members/{member}?forfeit=true"
    refused = await shop.client.delete(erasure, headers=shop.staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "basket_unsettled")
    assert await office.charge_left() == 1
    await shop.do("DELETE", erasure)
