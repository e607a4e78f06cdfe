"""What goes to the kitchen is on the menu, there, paid for, and changed until somebody cooks it."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.dining.options import Choice, OptionGroup, OptionsInvalid, choose
from tests.dining.room import BEER, CAKE, NOODLES, PEANUT_NOODLES, PLAIN_NOODLES, SOUP, Kitchen, Table, write_menu
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
BALANCE = 20_000


@pytest.fixture
async def table(shop: Shop) -> Table:
    """Seat 1 is a member's with money, and the host's; seat 2 a guest's."""
    await write_menu(shop)
    table = await Table.set_up(shop)
    await table.place(1, await shop.add_member_without_face(balance=BALANCE))
    await table.place(2)
    return table


async def left_of(shop: Shop, sku: str) -> int:
    stock = await shop.do("GET", f"/v1/stores/{shop.store_id}/stock")
    return int(next(each["quantity"] for each in stock["items"] if each["sku"] == sku))


async def count_stock(shop: Shop, sku: str, quantity: int) -> None:
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/stock/{sku}", json={"quantity": quantity})


async def available(table: Table) -> int:
    party = await table.party()
    return await table.shop.balance(party["covers"][0]["member"]["id"])


def verdict(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


async def test_an_order_is_priced_with_its_options_held_and_told_to_the_kitchen_once(table: Table) -> None:
    kitchen, key = await Kitchen.put_up(table.shop), uuid4().hex
    wanted = SOUP, PEANUT_NOODLES | {"quantity": 2}
    answer = await table.order(*wanted, seat=1, key=key)
    ordered = {each["sku"]: each for each in answer.json()["ordered"]}
    assert (ordered[NOODLES]["unit_price"], ordered[NOODLES]["price"]) == (3000, 6000)
    assert ordered[NOODLES]["options"] == [{"group": "Sauce", "choice": "Peanut", "price": 200}]
    assert {sku: (each["course"], each["state"]) for sku, each in ordered.items()} == {
        SOUP: (1, "sent"),
        NOODLES: (2, "ordered"),
    }
    assert answer.json()["party"]["total"] == 6800
    assert await available(table) <= BALANCE - 6800
    assert (await table.order(*wanted, seat=1, key=key)).json() == answer.json()
    assert len(await kitchen.tickets()) == 1
    for_all = (await table.order(CAKE)).json()["ordered"]
    assert (for_all[0]["seat"], for_all[0]["state"]) == (None, "ordered")


async def test_what_cant_be_had_like_that_is_refused_as_a_whole(table: Table) -> None:
    kitchen = await Kitchen.put_up(table.shop)
    await count_stock(table.shop, SOUP, 3)
    for seat, item, expected in (
        (1, {"sku": "TEA-001"}, (404, "not_on_menu")),
        (1, {"sku": NOODLES}, (422, "options_invalid")),
        (1, {"sku": NOODLES, "options": {"Sauce": ["Plain", "Peanut"]}}, (422, "options_invalid")),
        (1, {"sku": NOODLES, "options": {"Sauce": ["Mustard"]}}, (422, "options_invalid")),
        (1, {"sku": NOODLES, "options": {"Size": ["Large"]}}, (422, "options_invalid")),
        (1, {"sku": CAKE, "course": 1}, (422, "options_invalid")),
        (1, {"sku": SOUP, "quantity": 3}, (409, "sold_out")),
        (1, {"sku": CAKE, "quantity": 40}, (409, "order_not_covered")),
        (3, {"sku": SOUP}, (404, "cover_not_found")),
        (2, {"sku": BEER}, (409, "age_check_needed")),
    ):
        assert verdict(await table.order(SOUP, item, seat=seat)) == expected, item
    assert (await table.party())["items"] == []
    assert await kitchen.tickets() == []
    assert (await left_of(table.shop, SOUP), await available(table)) == (3, BALANCE)


async def test_the_last_dish_is_had_by_one_of_those_who_order_it_at_once(table: Table) -> None:
    await count_stock(table.shop, CAKE, 1)
    answers = await asyncio.gather(*(table.order(CAKE, seat=seat) for seat in (1, 2, None, 1)))
    codes = sorted(str(each.json().get("code")) for each in answers)
    assert codes == ["None", "sold_out", "sold_out", "sold_out"]
    assert await left_of(table.shop, CAKE) == 0
    assert len((await table.party())["items"]) == 1


async def test_two_tables_that_want_the_last_dish_dont_wait_for_each_other_in_a_circle(table: Table) -> None:
    shop = table.shop
    other = await Table.set_up(shop, "Table 8")
    await other.place(1, await shop.add_member_without_face(balance=BALANCE))
    for sku in (SOUP, CAKE):
        await count_stock(shop, sku, 1)
    answers = await asyncio.gather(
        table.order(SOUP, CAKE, seat=1), other.order(CAKE, SOUP, seat=1), table.order(CAKE, SOUP, seat=1)
    )
    assert sorted(each.status_code for each in answers) == [200, 409, 409]


async def test_until_it_is_cooked_it_is_changed_and_cancelled_with_its_stock_and_its_money(table: Table) -> None:
    kitchen = await Kitchen.put_up(table.shop)
    await count_stock(table.shop, NOODLES, 3)
    answer = await table.order(PLAIN_NOODLES, seat=2)
    [noodles] = answer.json()["ordered"]
    path = f"/items/{noodles['id']}"
    party = await table.do("PATCH", path, json={"quantity": 3, "options": {"Sauce": ["Peanut"]}})
    assert (party["items"][0]["quantity"], party["total"]) == (3, 9000)
    [ticket] = await kitchen.tickets()
    dish = ticket["dishes"][0]
    assert (dish["quantity"], dish["options"], dish["seat"]) == (3, ["Sauce: Peanut"], 2)
    assert verdict(await table.send("PATCH", path, json={"quantity": 4})) == (409, "sold_out")
    dearer = await available(table)
    party = await table.do("PATCH", path, json={"quantity": 1})
    assert (party["total"], await left_of(table.shop, NOODLES)) == (3000, 2)
    assert await available(table) > dearer
    assert verdict(await table.send("PATCH", path, json={"options": {}})) == (422, "options_invalid")
    assert (await table.do("DELETE", path))["items"] == []
    assert verdict(await table.send("DELETE", path)) == (404, "item_not_found")
    assert (await left_of(table.shop, NOODLES), await available(table)) == (3, BALANCE)
    assert await kitchen.tickets() == []
    assert verdict(await table.send("DELETE", f"/items/{uuid4()}")) == (404, "item_not_found")


async def test_a_cook_who_begins_and_a_guest_who_cancels_cant_both_be_first(table: Table) -> None:
    kitchen = await Kitchen.put_up(table.shop)
    for _ in range(3):
        [soup] = (await table.order(SOUP, seat=1)).json()["ordered"]
        [ticket] = [each for each in await kitchen.tickets() if each["state"] == "received"]
        began, cancelled = await asyncio.gather(
            kitchen.press(ticket["id"], "start"), table.send("DELETE", f"/items/{soup['id']}")
        )
        assert (verdict(began), verdict(cancelled)) in (
            ((200, None), (409, "already_cooking")),
            ((409, "ticket_elsewhere"), (200, None)),
        )
    cooking = [each for each in (await table.party())["items"] if each["state"] == "cooking"]
    assert len(cooking) == len(await kitchen.tickets())


async def test_what_is_cooked_only_staff_take_off_and_say_why(table: Table) -> None:
    shop, kitchen = table.shop, await Kitchen.put_up(table.shop)
    await count_stock(shop, SOUP, 5)
    [soup] = (await table.order(SOUP, seat=1)).json()["ordered"]
    [ticket] = await kitchen.tickets()
    await kitchen.press(ticket["id"], "start")
    for method, body in (("PATCH", {"quantity": 2}), ("DELETE", None)):
        assert verdict(await table.send(method, f"/items/{soup['id']}", json=body)) == (409, "already_cooking")
    party = await table.party()
    path = f"/v1/stores/{shop.store_id}/parties/{party['id']}/items/{soup['id']}/void"
    assert (await shop.client.post(path, json={"reason": "Cold"}, headers=table.headers)).status_code == 401
    assert (await shop.do("POST", path, json={"reason": "The soup was cold."}))["items"] == []
    assert [each["state"] for each in await kitchen.tickets()] == ["cancelled"]
    assert (await left_of(shop, SOUP), await available(table)) == (4, BALANCE)
    assert verdict(await shop.client.post(path, json={"reason": "Twice"}, headers=shop.staff)) == (
        404,
        "item_not_found",
    )


async def test_how_old_they_are_is_judged_by_whom_it_is_for(table: Table) -> None:
    shop, party = table.shop, await table.party()
    path = f"/v1/stores/{shop.store_id}/parties/{party['id']}/orders"
    host = party["covers"][0]["member"]["id"]

    async def taken(seat: int | None, *, seen: bool = True) -> str | None:
        body = {"seat": seat, "items": [{"sku": BEER}], "age_checked": seen}
        key = {"Idempotency-Key": uuid4().hex}
        answer = await shop.client.post(path, json=body, headers=shop.staff | key)
        code: str | None = answer.json().get("code")
        return code

    for seat in (1, 2, None):
        assert verdict(await table.order(BEER, seat=seat)) == (409, "age_check_needed")
        assert await taken(seat, seen=False) == "age_check_needed"
    assert await taken(2) is None
    await shop.do("PUT", f"/v1/members/{host}/age-check", json={"born_on": "2015-05-17"})
    assert verdict(await table.order(BEER, seat=1)) == (409, "age_restricted")
    assert await taken(1) == "age_restricted"
    assert verdict(await table.order(BEER)) == (409, "age_check_needed")
    await shop.do("PUT", f"/v1/members/{host}/age-check", json={"born_on": "1980-05-17"})
    for seat in (1, None):
        assert verdict(await table.order(BEER, seat=seat)) == (200, None)


GROUP = OptionGroup(name="Extras", least=1, most=2, choices=[Choice(name=each, price=ord(each)) for each in "abc"])


@given(st.lists(st.sampled_from("abcd"), max_size=4))
def test_choices_are_taken_each_once_as_many_as_the_group_allows(names: list[str]) -> None:
    allowed = 1 <= len(names) <= 2 and len(set(names)) == len(names) and "d" not in names
    try:
        chosen = choose([GROUP], {"Extras": names})
    except OptionsInvalid:
        assert not allowed
    else:
        assert allowed
        assert chosen.price == sum(map(ord, names))
        assert sorted(choice.name for _, choice in chosen.options) == sorted(names)
