"""A table's courses are cooked one after another; the kitchen hears nothing of who eats; the floor sees all."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from facepay.kitchen.upkeep import alert_of_late
from tests.channel.line import Stream
from tests.conftest import Clock
from tests.dining.room import CAKE, NOODLES, PLAIN_NOODLES, SOUP, Kitchen, Table, write_menu
from tests.server import on_a_socket
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


@pytest.fixture
async def table(shop: Shop) -> Table:
    await write_menu(shop)
    table = await Table.set_up(shop)
    await table.place(1, await shop.add_member_without_face(balance=50_000))
    await table.place(2)
    return table


async def states(table: Table) -> dict[str, str]:
    return {each["sku"]: each["state"] for each in (await table.party())["items"]}


def shown(tickets: list[dict[str, Any]]) -> list[tuple[str, int, list[str]]]:
    return [(each["place"], each["course"], [dish["name"] for dish in each["dishes"]]) for each in tickets]


async def test_each_course_waits_until_the_one_before_is_on_the_table(table: Table) -> None:
    kitchen = await Kitchen.put_up(table.shop)
    await table.order(SOUP, PLAIN_NOODLES, CAKE, seat=1)
    await table.order(SOUP, seat=2)
    assert shown(await kitchen.tickets()) == [("Table 7", 1, ["Soup"])] * 2
    assert await states(table) == {SOUP: "sent", NOODLES: "ordered", CAKE: "ordered"}
    first, second = await kitchen.tickets()
    await kitchen.serve(first["id"])
    assert shown(await kitchen.tickets()) == [("Table 7", 1, ["Soup"])]
    await kitchen.serve(second["id"])
    assert shown(await kitchen.tickets()) == [("Table 7", 2, ["Noodles"])]
    assert await states(table) == {SOUP: "served", NOODLES: "sent", CAKE: "ordered"}
    await table.order({"sku": SOUP, "course": 2}, seat=2)
    assert [each["course"] for each in await kitchen.tickets()] == [2, 2]
    for ticket in await kitchen.tickets():
        await kitchen.serve(ticket["id"])
    assert shown(await kitchen.tickets()) == [("Table 7", 3, ["Cake"])]


async def test_of_two_who_serve_the_last_of_a_course_at_once_one_has_the_next_begun(table: Table) -> None:
    kitchen = await Kitchen.put_up(table.shop)
    await table.order(SOUP, PLAIN_NOODLES, seat=1)
    await table.order(SOUP, seat=2)
    soups = await kitchen.tickets()
    for soup in soups:
        for step in ("start", "ready"):
            await kitchen.press(soup["id"], step)
    collected = await asyncio.gather(
        *(kitchen.press(each["id"], "collect") for each in soups), table.order({"sku": SOUP, "course": 2}, seat=2)
    )
    assert {each.status_code for each in collected} == {200}
    assert {each["course"] for each in await kitchen.tickets()} == {2}
    assert len(await kitchen.tickets()) == 2


async def test_staff_have_a_course_begun_and_a_cancelled_one_keeps_nobody_waiting(table: Table) -> None:
    shop, kitchen = table.shop, await Kitchen.put_up(table.shop)
    ordered = (await table.order(SOUP, PLAIN_NOODLES, CAKE, seat=1)).json()
    await table.do("DELETE", f"/items/{ordered['ordered'][0]['id']}")
    assert shown(await kitchen.tickets()) == [("Table 7", 2, ["Noodles"])]
    path = f"/v1/stores/{shop.store_id}/parties/{ordered['party']['id']}/courses/3/fire"
    for _ in range(2):
        party = await shop.do("POST", path)
        assert {each["sku"]: each["state"] for each in party["items"]} == {NOODLES: "sent", CAKE: "sent"}
    assert [each["course"] for each in await kitchen.tickets()] == [2, 3]


async def test_the_kitchen_hears_nothing_of_who_and_the_board_nothing_of_tables(table: Table, clock: Clock) -> None:
    shop, kitchen = table.shop, await Kitchen.put_up(table.shop)
    party = (await table.order(SOUP, PLAIN_NOODLES, seat=1)).json()["party"]
    path = f"/v1/stores/{shop.store_id}"
    told = (await shop.client.get(f"{path}/kitchen/tickets", headers=kitchen.headers)).text
    member = party["covers"][0]["member"]
    assert not [secret for secret in (member["id"], member["display_name"], party["id"]) if secret in told]
    board = (await shop.client.get(f"{path}/board", headers=kitchen.headers)).json()
    assert (board["preparing"], board["ready"]) == ([], [])
    [ticket] = await kitchen.tickets()
    assert (ticket["number"], ticket["dishes"][0]["seat"]) == (None, 1)
    records = (await shop.do("GET", f"{path}/tickets"))["items"]
    assert {(each["state"], each["party_id"], each["order_id"]) for each in records} == {
        ("received", party["id"], None),
        ("held", party["id"], None),
    }
    held = next(each["id"] for each in records if each["state"] == "held")
    refused = await kitchen.press(held, "start")
    assert (refused.status_code, refused.json()["code"]) == (409, "ticket_elsewhere")
    state = shop.app.state
    late = timedelta(minutes=state.settings.kitchen_late_minutes)
    assert await alert_of_late(state.database, settings=state.settings, now=clock() + late) == 1


async def test_the_floor_and_the_screen_follow_what_happens_at_a_table(table: Table, app: FastAPI) -> None:
    shop, kitchen = table.shop, await Kitchen.put_up(table.shop)
    free = await Table.set_up(shop, "Table 8")
    floor = await shop.do("GET", f"/v1/stores/{shop.store_id}/floor")
    assert [(each["name"], each["party"] and each["party"]["state"]) for each in floor["tables"]] == [
        ("Table 7", "seated"),
        ("Table 8", None),
    ]
    async with (
        on_a_socket(app) as address,
        httpx.AsyncClient(base_url=address) as client,
        client.stream("GET", f"/v1/stores/{shop.store_id}/floor/events", headers=shop.staff) as of_floor,
        client.stream("GET", f"{table.path}/party/events", headers=table.headers) as of_table,
        client.stream("GET", f"{free.path}/party/events", headers=free.headers) as of_free,
    ):
        floors, screen = Stream(of_floor.aiter_lines()), Stream(of_table.aiter_lines())
        assert (await Stream(of_free.aiter_lines()).next())[2] == {"party": None}
        await floors.next()
        assert (await screen.next())[2]["party"]["total"] == 0
        await table.order(SOUP, seat=1)
        assert (await screen.next())[2]["party"]["items"][0]["state"] == "sent"
        assert (await floors.next())[2]["tables"][0]["party"]["total"] == 800
        [soup] = await kitchen.tickets()
        await kitchen.press(soup["id"], "start")
        assert (await screen.next())[2]["party"]["items"][0]["state"] == "cooking"
    listed = await shop.do("GET", f"/v1/stores/{shop.store_id}/parties")
    assert [each["table"] for each in listed["items"]] == ["Table 7"]
    assert (await shop.do("GET", f"/v1/stores/{shop.store_id}/parties?closed=true"))["items"] == []
    party = await table.party()
    assert await shop.do("GET", f"/v1/stores/{shop.store_id}/parties/{party['id']}") == party
