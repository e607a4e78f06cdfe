"""A menu for whoever sits there: what suits them first, what doesn't marked, and nothing said of why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from facepay.dining.parties import Cover
from tests.conftest import Clock
from tests.dining.room import (
    BEER,
    CAKE,
    NOODLES,
    PEANUT_NOODLES,
    PLAIN_NOODLES,
    SOUP,
    Table,
    write_menu,
)
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
MIDNIGHT_TO_NOON = [["00:00", "12:00"]]
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@pytest.fixture
async def table(shop: Shop) -> Table:
    await write_menu(shop)
    return await Table.set_up(shop)


async def menu_of(table: Table, seat: int | None = None) -> list[dict[str, Any]]:
    answer = await table.do("GET", "/menu", params={"seat": seat} if seat else {})
    dishes: list[dict[str, Any]] = answer["dishes"]
    return dishes


def fitting(dishes: list[dict[str, Any]]) -> dict[str, bool]:
    return {each["sku"]: each["fits"] for each in dishes}


async def keep_diet(shop: Shop, member: str, **diet: list[str]) -> None:
    version = shop.app.state.settings.diet_policy_version
    body = {"allergens": [], "ingredients": [], "consent": {"policy_version": version, "accepted": True}} | diet
    await shop.do("PUT", f"/v1/members/{member}/diet", json=body)


async def test_what_a_member_mustnt_eat_stays_on_the_menu_marked_and_is_never_recommended(table: Table) -> None:
    shop = table.shop
    member = await shop.add_member_without_face(balance=50_000)
    await keep_diet(shop, member, allergens=["celery", "peanuts"])
    await table.place(1, member)
    await table.place(2)
    dishes = await menu_of(table, 1)
    # The cake's allergens nobody has declared.
    assert fitting(dishes) == {SOUP: False, NOODLES: True, CAKE: False, BEER: True}
    suggested = {each["sku"] for each in dishes if each["suggested"]}
    assert suggested
    assert suggested <= {NOODLES, BEER}
    assert {each["sku"] for each in dishes[: len(suggested)]} == suggested
    [noodles] = [each for each in dishes if each["sku"] == NOODLES]
    assert [(each["name"], each["fits"]) for each in noodles["options"][0]["choices"]] == [
        ("Plain", True),
        ("Peanut", False),
    ]
    assert {each["sku"]: each["allergens"] for each in dishes}[CAKE] is None
    assert all(fitting(await menu_of(table, 2)).values())
    assert all(fitting(await menu_of(table)).values())


async def test_an_allergen_is_served_only_to_whoever_says_that_they_want_it_still(table: Table) -> None:
    shop = table.shop
    member = await shop.add_member_without_face(balance=50_000)
    await keep_diet(shop, member, allergens=["peanuts", "celery"], ingredients=["pork"])
    await table.place(1, member)
    await table.place(2)
    assert fitting(await menu_of(table, 1))[NOODLES] is False
    for item, seat, harmful in (
        (SOUP, 1, True),
        (SOUP, 2, False),
        (SOUP, None, True),
        (CAKE, 1, True),
        (PEANUT_NOODLES, 1, True),
        (PLAIN_NOODLES, 1, False),  # pork isn't to their taste, and harms nobody
    ):
        answer = await table.order(item, seat=seat)
        assert answer.json().get("code") == ("allergen_in_dish" if harmful else None), (item, seat)
        if harmful:
            assert not {"celery", "peanuts", member} & set(answer.text.replace('"', " ").split())
            wanted = {"sku": item} if isinstance(item, str) else item
            confirmed = await table.order(wanted | {"confirms_allergens": True}, seat=seat)
            assert confirmed.is_success, confirmed.text
    choices = {each["id"]: [option["choice"] for option in each["options"]] for each in (await table.party())["items"]}
    [plain] = [each for each, chosen in choices.items() if chosen == ["Plain"]]
    change = {"options": {"Sauce": ["Peanut"]}}
    refused = await table.send("PATCH", f"/items/{plain}", json=change)
    assert refused.json()["code"] == "allergen_in_dish"
    assert (await table.send("PATCH", f"/items/{plain}", json=change | {"confirms_allergens": True})).is_success


async def test_what_a_guest_says_that_they_mustnt_eat_holds_for_this_visit_alone(table: Table) -> None:
    shop = table.shop
    await table.place(1)
    party = await table.party()
    await table.do("PUT", "/seats/1/allergens", json={"allergens": ["gluten"]})
    assert fitting(await menu_of(table, 1)) == {SOUP: True, NOODLES: False, CAKE: False, BEER: False}
    assert "gluten" not in (await table.send("GET", "/party")).text
    missing = await table.send("PUT", "/seats/2/allergens", json={"allergens": ["gluten"]})
    assert missing.json()["code"] == "cover_not_found"
    closing = f"/v1/stores/{shop.store_id}/parties/{party['id']}/closing"
    await shop.do("POST", closing, json={"reason": "Left"})
    async with shop.app.state.database.read() as session:
        assert (await session.scalars(select(Cover.allergens))).all() == [None]
    await table.place(1)
    assert all(fitting(await menu_of(table, 1)).values())


async def test_the_menu_shows_what_there_is_at_this_hour(table: Table, clock: Clock) -> None:
    shop = table.shop
    await table.place(1)
    timetable = {"weekly": dict.fromkeys(WEEK, MIDNIGHT_TO_NOON)}
    path = f"/v1/stores/{shop.store_id}"
    schedule = await shop.do("POST", f"{path}/schedules", json={"name": "Breakfast", "timetable": timetable})
    soup = {"section": "Breakfast", "schedule_id": schedule["id"]}
    assert (await shop.do("PUT", f"{path}/menu/{SOUP}", json=soup))["courses"] == [1]
    await shop.do("PUT", f"{path}/stock/{CAKE}", json={"quantity": 0})
    hour = clock().hour
    clock.ahead = timedelta(hours=(6 - hour) % 24)
    assert {each["sku"]: each["sold_out"] for each in await menu_of(table, 1)} == {
        SOUP: False,
        NOODLES: False,
        CAKE: True,
        BEER: False,
    }
    assert CAKE not in {each["sku"] for each in await menu_of(table, 1) if each["suggested"]}
    clock.ahead += timedelta(hours=12)
    assert SOUP not in {each["sku"] for each in await menu_of(table, 1)}
    assert (await table.order(SOUP, seat=1)).json()["code"] == "not_on_menu"


async def test_staff_set_the_menu(table: Table) -> None:
    shop = table.shop
    path = f"/v1/stores/{shop.store_id}/menu"
    ham = {"sku": "HAM", "name": "Ham", "price": 900, "tax_rate_basis_points": 600, "sold_by": "weight"}
    await shop.do("POST", "/v1/products", json=ham)
    two = [{"name": "Size", "choices": [{"name": "Large"}]}] * 2
    odd = [{"name": "Size", "least": 2, "most": 1, "choices": [{"name": "L"}, {"name": "S"}]}]
    for sku, changes, status, code in (
        ("NOTHING", {}, 404, "product_not_found"),
        ("HAM", {}, 409, "not_sold_by_piece"),
        (SOUP, {"schedule_id": str(uuid4())}, 404, "schedule_not_found"),
        (SOUP, {"courses": [1, 1]}, 422, "invalid_request"),
        (SOUP, {"courses": []}, 422, "invalid_request"),
        (SOUP, {"options": two}, 422, "invalid_request"),
        (SOUP, {"options": odd}, 422, "invalid_request"),
    ):
        refused = await shop.client.put(f"{path}/{sku}", json={"section": "All"} | changes, headers=shop.staff)
        assert (refused.status_code, refused.json()["code"]) == (status, code), changes
    listed = await shop.do("GET", path, params={"limit": 3})
    rest = await shop.do("GET", path, params={"cursor": listed["next_cursor"]})
    assert {each["sku"] for each in listed["items"] + rest["items"]} == {SOUP, NOODLES, CAKE, BEER}
    await shop.do("DELETE", f"{path}/{SOUP}")
    assert SOUP not in {each["sku"] for each in await menu_of(table)}
    gone = await shop.client.delete(f"{path}/{SOUP}", headers=shop.staff)
    assert (gone.status_code, gone.json()["code"]) == (404, "not_on_menu")
