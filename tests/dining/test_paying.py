"""Paying at the table: by seat, by person, or one for all; and the books agree."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from facepay.wallet.accounts import Balance
from tests.checkout.test_audit import findings
from tests.dining.dinner import DUCK, SOUP, TEA, Dinner
from tests.dining.room import add_dish
from tests.photos import people, variant
from tests.rewards.till import EARNING, add_coupon, give, set_rules

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
EACH = [3334, 3333, 3333]
PIN = "739150"


async def three(dinner: Dinner) -> None:
    """Two members and a guest share a duck, and each has tea."""
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=10_000)
    await dinner.sit(3)
    await dinner.order("DUCK")
    for seat in (1, 2, 3):
        await dinner.order("TEA-001", seat=seat)


async def order_of(dinner: Dinner, order_id: str) -> dict[str, Any]:
    order: dict[str, Any] = await dinner.shop.do("GET", f"/v1/orders/{order_id}")
    return order


async def undo(dinner: Dinner, order_id: str, what: str, **body: object) -> dict[str, object]:
    headers = {"Idempotency-Key": uuid4().hex}
    path = f"/v1/orders/{order_id}/{what}"
    made: dict[str, object] = await dinner.shop.do("POST", path, json={"reason": "cold"} | body, headers=headers)
    return made


async def test_each_pays_what_they_had_and_a_part_of_the_tables(dinner: Dinner) -> None:
    await three(dinner)
    bill = await dinner.bill()
    assert [each["due"] for each in bill["seats"]] == [share + TEA for share in EACH]
    assert (bill["total"], bill["left"], bill["paid"]) == (DUCK + 3 * TEA, DUCK + 3 * TEA, 0)
    body = {"pass": await dinner.shows(dinner.members[2]), "bill": {"split": "seat"}}
    first, again = [await dinner.table.send("POST", "/payments/pass", key="pay-0001", json=body) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    paid = first.json()
    assert (paid["code"], paid["total"], paid["left"]) == ("paid", EACH[1] + TEA, DUCK + 2 * TEA - EACH[1]), paid
    lines = [(each["name"], each["quantity"], each["total"]) for each in paid["order"]["lines"]]
    assert lines == [("Peking duck, 1 of 3", 1, EACH[1]), ("tea-001", 1, TEA)]
    assert await dinner.wallet(2) == Balance(10_000 - EACH[1] - TEA, 0)
    assert await dinner.held(1) == DUCK + 2 * TEA - EACH[1]
    assert (await dinner.bill())["paid_seats"] == [2]
    assert not await dinner.is_free()
    last = await dinner.pay(1)
    assert (last["total"], last["left"]) == (DUCK + 2 * TEA - EACH[1], 0)
    assert await dinner.wallet(1) == Balance(20_000 - last["total"], 0)
    assert await dinner.is_free()
    assert (last["order"]["pickup_number"], last["order"]["tip"]) == (None, 0)
    await dinner.books_agree()


async def test_all_pay_the_same_by_person_and_one_pays_for_all(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.sit(2, balance=10_000)
    await dinner.sit(3)
    await dinner.order("DUCK")
    await dinner.order("TEA-001", 3, seat=3)
    bill = await dinner.bill("person")
    assert [each["due"] for each in bill["seats"]] == [3784, 3783, 3783]
    paid = await dinner.pay(2, split="person")
    assert paid["total"] == 3783
    assert (await dinner.pay(1))["code"] == "split_begun"
    assert (await dinner.pay(1, split="one"))["left"] == 0
    assert await dinner.is_free()
    await dinner.books_agree()


async def test_a_face_pays(dinner: Dinner) -> None:
    member = await dinner.shop.add_member(0, balance=5000)
    await dinner.sit(1, member=member)
    await dinner.order("TEA-001", seat=1)
    files = [("frame", ("frame.jpg", variant(people()[0], quality=80, scale=1.1), "image/jpeg"))]
    paid = await dinner.table.do("POST", "/payments", files=files, data={"bill": json.dumps({"tip": 100})})
    assert (paid["decision"], paid["identified_by"], paid["order"]["tip"]) == ("paid", "face", 100), paid
    assert paid["balance"] == 5000 - TEA - 100
    await dinner.books_agree()


async def test_a_member_pays_for_other_seats_and_a_friend_who_isnt_seated_only_where_they_treat(
    dinner: Dinner,
) -> None:
    await three(dinner)
    friend = await dinner.shop.add_member_without_face(balance=50_000)
    assert (await dinner.pay(friend, seats=[2]))["code"] == "not_of_party"
    treated = await dinner.pay(friend, seats=[2], treat=True)
    assert (treated["code"], treated["total"]) == ("paid", EACH[1] + TEA)
    assert await dinner.wallet(2) == Balance(10_000, 0)
    assert (await dinner.pay(2))["code"] == "nothing_owed"
    assert (await dinner.pay(1, seats=[2]))["code"] == "seat_not_owing"
    assert (await dinner.pay(1, seats=[9]))["code"] == "seat_not_owing"
    assert (await dinner.pay(1, seats=[1]))["code"] == "guests_unpaid"
    assert (await dinner.pay(2, seats=[1, 3]))["left"] == 0
    await dinner.books_agree()


async def test_service_is_a_taxed_line_that_is_shared_as_the_rest_is(dinner: Dinner) -> None:
    await dinner.serve(1000, margin_basis_points=2000)
    await three(dinner)
    bill = await dinner.bill()
    service = round((DUCK + 3 * TEA) / 10)
    assert (bill["service"], bill["total"]) == (service, DUCK + 3 * TEA + service)
    assert sum(each["due"] for each in bill["seats"]) == bill["left"]
    first = await dinner.pay(2)
    (line,) = [each for each in first["order"]["lines"] if each["sku"] == "SERVICE"]
    assert (line["total"], line["tax_rate_basis_points"]) == (378, 600)
    assert line["tax"] == round(378 * 600 / 10_600)
    second = await dinner.pay(1)
    assert second["left"] == 0
    assert first["order"]["total"] + second["order"]["total"] == bill["total"]
    await dinner.books_agree()


async def test_the_last_to_pay_pays_the_odd_cent_of_service_too(dinner: Dinner) -> None:
    await dinner.serve(5000)
    async with dinner.database.begin() as session:
        await add_dish(session, dinner.shop, "MINT", {"price": 1}, section="All")
    await dinner.sit(1, balance=100)
    await dinner.sit(2, balance=100)
    await dinner.order("MINT", seat=1)
    assert (await dinner.bill("person"))["total"] == 2
    assert (await dinner.pay(1, split="person"))["left"] == 1
    assert (await dinner.pay(2, split="person"))["left"] == 0
    assert (await dinner.wallet(1), await dinner.wallet(2)) == (Balance(99, 0), Balance(99, 0))
    assert await dinner.is_free()
    await dinner.books_agree()


async def test_a_payers_discounts_points_and_coupons_are_theirs_alone(dinner: Dinner) -> None:
    await set_rules(dinner.shop, earning=EARNING)
    await add_coupon(dinner.shop, code="FOODIE", basis_points=5000)
    await three(dinner)
    await give(dinner.shop, dinner.members[1], 1000)
    first = await dinner.pay(2, coupons=["FOODIE"])
    gross = EACH[1] + TEA
    assert (first["total"], first["order"]["discount"]) == (gross - round(gross / 2), round(gross / 2)), first
    assert first["left"] == DUCK + 3 * TEA - gross
    second = await dinner.pay(1)
    assert (second["total"], second["order"]["gift"]) == (DUCK + 3 * TEA - gross, 1000)
    assert second["order"]["points_earned"] > 0
    await dinner.books_agree()


async def test_tips_are_the_staffs_untaxed_stand_by_themselves_and_are_given_back_where_asked(dinner: Dinner) -> None:
    await set_rules(dinner.shop, earning=EARNING)
    member = await dinner.sit(1, balance=DUCK + 1000)
    await dinner.order("DUCK", seat=1)
    bill = await dinner.bill()
    assert [each["amount"] for each in bill["tips"]] == [500, 1000, 1500]
    for tip, code in ((5001, "tip_too_large"), (1001, "insufficient_funds")):
        assert (await dinner.pay(1, tip=tip))["code"] == code
    assert await dinner.wallet(1) == Balance(DUCK + 1000, DUCK)
    paid = await dinner.pay(1, tip=1000)
    order = paid["order"]
    assert (order["total"], order["tip"], paid["balance"]) == (DUCK, 1000, 0)
    month = f"{dinner.shop.app.state.clock():%Y-%m}"
    path = f"/v1/members/{member}/wallet/statements/{month}?format=csv"
    sheet = await dinner.shop.client.get(path, headers=dinner.shop.staff)
    words = [line.split(",")[1] for line in sheet.text.splitlines()]
    assert words[3:5] == ["Purchase at Xixi Road", "Tip at Xixi Road"]
    assert order["tax"] == round(DUCK * 600 / 10_600)
    assert await dinner.tips() == 1000
    await dinner.books_agree()
    await undo(dinner, order["id"], "refunds", amount=4000)
    assert (await dinner.wallet(1)).posted == 4000
    made = await undo(dinner, order["id"], "cancellation", tip=True)
    assert (made["amount"], made["tip"]) == (6000, 1000)
    assert ((await dinner.wallet(1)).posted, await dinner.tips()) == (DUCK + 1000, 0)
    assert (await order_of(dinner, order["id"]))["tip_refunded"] == 1000
    await dinner.books_agree()


async def test_two_of_the_same_dish_on_one_bill_are_returned_one_by_one_and_no_stock_comes_back(
    dinner: Dinner,
) -> None:
    stock = f"/v1/stores/{dinner.shop.store_id}/stock/DUCK"
    await dinner.shop.do("PUT", stock, json={"quantity": 5})
    await dinner.sit(1, balance=50_000)
    await dinner.sit(2, balance=50_000)
    await dinner.order("DUCK", seat=1)
    await dinner.order("DUCK")
    order = (await dinner.pay(1))["order"]
    assert [each["name"] for each in order["lines"]] == ["Peking duck", "Peking duck, 1 of 2"]
    made = await undo(dinner, order["id"], "returns", lines=[{"sku": "DUCK", "quantity": 1}])
    assert made["amount"] == DUCK
    await dinner.books_agree()
    made = await undo(dinner, order["id"], "returns", lines=[{"sku": "DUCK", "quantity": 1}])
    assert made["amount"] == DUCK // 2
    assert [each["returned"] for each in (await order_of(dinner, order["id"]))["lines"]] == [1, 1]
    rows = (await dinner.shop.do("GET", f"/v1/stores/{dinner.shop.store_id}/stock"))["items"]
    assert [each["quantity"] for each in rows if each["sku"] == "DUCK"] == [3]
    await dinner.books_agree()


async def test_what_was_taken_off_is_on_no_bill_and_one_pays_the_rest_as_whole_dishes(dinner: Dinner) -> None:
    await three(dinner)
    party = (await dinner.table.party())["id"]
    tea = next(each for each in (await dinner.table.party())["items"] if each["seat"] == 2)
    path = f"/v1/stores/{dinner.shop.store_id}/parties/{party}/items/{tea['id']}/void"
    await dinner.shop.do("POST", path, json={"reason": "cold"})
    assert [each["due"] for each in (await dinner.bill())["seats"]] == [EACH[0] + TEA, EACH[1], EACH[2] + TEA]
    assert await dinner.held(2) == 0
    paid = await dinner.pay(1, split="one")
    lines = sorted((each["name"], each["quantity"], each["total"]) for each in paid["order"]["lines"])
    assert lines == [("Peking duck", 1, DUCK), *[("tea-001", 1, TEA)] * 2]
    assert await dinner.wallet(2) == Balance(10_000, 0)
    await dinner.books_agree()


async def test_two_who_pay_at_once_pay_their_own_and_two_who_pay_for_all_pay_once(dinner: Dinner) -> None:
    for seat in (1, 2):
        await dinner.sit(seat, balance=20_000)
    await dinner.order("DUCK")
    paid = await asyncio.gather(dinner.pay(1), dinner.pay(2))
    assert [each["code"] for each in paid] == ["paid", "paid"], paid
    assert sum(each["total"] for each in paid) == DUCK
    assert await dinner.is_free()
    other = await Dinner.at(dinner.shop, "Table 8")
    for seat in (1, 2):
        await other.sit(seat, balance=20_000)
    await other.order("DUCK")
    answers = await asyncio.gather(*(other.ask_to_pay(seat, split="one") for seat in (1, 2)))
    codes = sorted(answer.json()["code"] for answer in answers)
    assert codes == ["paid", "party_not_found"], codes
    assert sorted([(await other.wallet(1)).available, (await other.wallet(2)).available]) == [DUCK, 2 * DUCK]
    await dinner.books_agree()


async def test_a_second_factor_is_asked_for_and_pays_nothing_that_was_ordered_since(dinner: Dinner) -> None:
    member = await dinner.shop.add_member_without_face(balance=50_000, pin=PIN)
    await dinner.sit(1, member=member)
    await dinner.order("DUCK", seat=1)
    await dinner.agree(1, up_to=40_000)
    await dinner.shop.do("PUT", f"/v1/members/{member}/limits", json={"step_up_above": 5000})

    async def proven(payment_id: object) -> dict[str, object]:
        answer = await dinner.table.send("POST", f"/payments/{payment_id}/step-up", json={"answer": PIN})
        said: dict[str, object] = answer.json()
        return said

    asked = await pay_with_digits(dinner, 1)
    assert (asked["decision"], asked["code"], asked["measured"]) == ("step_up", "amount_needs_step_up", DUCK)
    await dinner.order("BAO-002", seat=1)
    assert (await proven(asked["payment_id"]))["code"] == "price_changed"
    assert await dinner.held(1) == DUCK + SOUP
    assert (await proven(UUID(int=7)))["code"] == "attempt_not_found"
    asked = await pay_with_digits(dinner, 1)
    done = await proven(asked["payment_id"])
    assert (done["code"], done["total"]) == ("paid", DUCK + SOUP)
    await dinner.books_agree()


async def pay_with_digits(dinner: Dinner, seat: int) -> dict[str, object]:
    digits = (await dinner.shop.issue_pass(dinner.members[seat]))["code"]
    asked: dict[str, object] = await dinner.table.do("POST", "/payments/pass", json={"pass": digits})
    return asked


async def test_once_somebody_has_paid_nothing_changes_and_who_pays_in_cash_is_let_go_by_staff(dinner: Dinner) -> None:
    for seat in (1, 2):
        await dinner.sit(seat, balance=20_000)
        await dinner.order("TEA-001", seat=seat)
    tea = f"/items/{(await dinner.order('TEA-001', seat=1)).id}"
    await dinner.pay(2)
    for method, path, body in (
        ("POST", "/orders", {"seat": 1, "items": [{"sku": "TEA-001"}]}),
        ("PATCH", tea, {"quantity": 2}),
        ("DELETE", tea, None),
        ("POST", "/parties/guests", {"seat": 4}),
    ):
        refused = await dinner.table.send(method, path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "party_paying"), (method, path)
    party = (await dinner.table.party())["id"]
    path = f"/v1/stores/{dinner.shop.store_id}/parties/{party}/closing"
    await dinner.shop.do("POST", path, json={"reason": "Paid in cash"})
    assert await dinner.is_free()
    late = await dinner.table.order("TEA-001", seat=1)
    assert (late.status_code, late.json()["code"]) == (404, "party_not_found")
    assert await dinner.wallet(1) == Balance(20_000, 0)
    await dinner.books_agree()


TIPS_THAT_ARE_WRONG = {
    "update shop_order set tip = tip + 1": "was tipped another amount than it says",
    "update shop_order set tip_transfer_id = transfer_id": "was tipped another amount than it says",
    "update shop_order set tip_refunded = 1": "gave back another tip than its refunds say",
    "update refund set tip_transfer_id = transfer_id": "gave back another tip than it says",
    "update shop_order set tip = 0, tip_refunded = 0, tip_transfer_id = null;"
    " update refund set tip = 0, tip_transfer_id = null": "pays a store, and is no order's payment",
}


async def test_a_tip_that_isnt_in_the_books_as_it_says_is_named(dinner: Dinner) -> None:
    await dinner.sit(1, balance=20_000)
    await dinner.order("DUCK", seat=1)
    paid = await dinner.pay(1, tip=500)
    await undo(dinner, paid["order"]["id"], "refunds", amount=1000, tip=True)
    assert await findings(dinner.database) == []
    for wrong, finding in TIPS_THAT_ARE_WRONG.items():
        assert any(finding in each for each in await findings(dinner.database, wrong)), wrong
