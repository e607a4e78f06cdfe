"""Families and friends: who pays for whom, for how long, and with whose consent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from facepay.entrance.admission import Party, admit
from facepay.entrance.doorways import doorway_of
from facepay.entrance.groups import group_of, payer_of
from facepay.entrance.visits import Visit, current_visit
from facepay.kernel.auth import Principal
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from tests.answers import verdict
from tests.conftest import Clock
from tests.entrance.doors import enter, open_group, visit
from tests.locks import somebody_waits
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


@pytest.fixture
def database(app: FastAPI) -> Database:
    database: Database = app.state.database
    return database


async def payer(database: Database, visit_id: str) -> str:
    async with database.begin() as session:
        found = await session.get(Visit, UUID(visit_id))
        assert found is not None
        return str(await payer_of(session, visit=found))


async def together(database: Database, visit_id: str) -> set[str]:
    async with database.begin() as session:
        found = await session.get(Visit, UUID(visit_id))
        assert found is not None
        return {str(each.id) for each in await group_of(session, visit=found)}


def groups_of(shop: Shop, group_id: str = "") -> str:
    return f"/v1/stores/{shop.store_id}/visit-groups" + (f"/{group_id}" if group_id else "")


async def come_in(shop: Shop, *numbers: int) -> tuple[list[str], list[str]]:
    """Members and their visits."""
    members = [await shop.add_member(number) for number in numbers]
    return members, [(await shop.at_gate(number)).json()["visit_id"] for number in numbers]


async def link(shop: Shop, visit_ids: list[str], host: str) -> Any:
    return await shop.do("POST", groups_of(shop), json={"visit_ids": visit_ids, "host_visit_id": host})


async def test_whoever_comes_in_first_pays_for_the_group_until_they_leave(
    shop: Shop, database: Database, clock: Clock
) -> None:
    mother, son = await shop.add_member(0), await shop.add_member(1)
    group_id = await open_group(shop)
    hers = (await enter(shop, 0, group_id=group_id))["visit_id"]
    his = (await enter(shop, 1, group_id=group_id))["visit_id"]
    assert [(await visit(shop, each))["is_host"] for each in (hers, his)] == [True, False]
    assert await payer(database, his) == await payer(database, hers) == mother
    assert await together(database, his) == {hers, his}
    await shop.at_gate(0, "exits")
    assert await payer(database, his) == son
    assert await together(database, his) == {his}
    await shop.at_gate(1, "exits")

    # It can be joined where and while it is open.
    group_id = await open_group(shop)
    await enter(shop, 0, group_id=group_id)
    gate_id, gate = await shop.add_device("gate")
    assert (await enter(replace(shop, gate_id=gate_id, gate=gate), 1, group_id=group_id))["code"] == "group_closed"
    assert (await enter(shop, 1, group_id=str(uuid4())))["code"] == "group_closed"
    await shop.at_gate(0, "exits")
    assert (await enter(shop, 1, group_id=group_id))["code"] == "group_closed"
    group_id = await open_group(shop)
    clock.ahead += timedelta(minutes=11)
    late = await enter(shop, 1, group_id=group_id)
    assert (late["decision"], late["code"], late["visit_id"]) == ("deny", "group_closed", None)


async def test_of_two_who_come_in_at_once_one_is_the_host_unless_they_leave_at_once(
    shop: Shop, database: Database
) -> None:
    mother, son = await shop.add_member(0), await shop.add_member(1)
    group_id = await open_group(shop)
    gate = Principal("device", UUID(shop.gate_id), "gate", "gate", frozenset(), UUID(shop.store_id))
    async with database.begin() as session:
        party = Party(group_id=UUID(group_id))
        doorway = await doorway_of(session, gate=gate)
        of_mother: dict[str, Any] = {"member_id": UUID(mother), "party": party, "guests_max": 0, "now": utc_now()}
        await admit(session, gate=gate, doorway=doorway, **of_mother)
        second = asyncio.create_task(enter(shop, 1, group_id=group_id))
        await somebody_waits(database)
    his = (await second)["visit_id"]
    assert not (await visit(shop, his))["is_host"]
    assert await payer(database, his) == mother

    await shop.at_gate(1, "exits")
    async with database.begin() as session:
        leaving = await current_visit(session, store_id=UUID(shop.store_id), member_id=UUID(mother))
        assert leaving is not None
        leaving.left_at = utc_now()
        await session.flush()
        joined = await enter(shop, 1, group_id=group_id)
        assert joined["code"] == "welcome"
    assert await payer(database, joined["visit_id"]) == son, "who joins while the host leaves"


async def test_staff_link_visits_and_say_who_pays_on_record(shop: Shop, database: Database) -> None:
    (one, two, three), (first, second, third) = await come_in(shop, 0, 1, 2)
    made = await link(shop, [first, second], second)
    group = groups_of(shop, made["id"])
    assert made["opened_by"] == made["host_named_by"]
    assert made["host_named_by"].startswith("staff:")
    assert await payer(database, first) == two
    await shop.do("PUT", f"{group}/visits/{third}")
    await shop.do("PUT", f"{group}/visits/{third}")
    assert await payer(database, third) == two
    named = await shop.do("PATCH", group, json={"host_visit_id": third})
    assert [each["is_host"] for each in named["visits"]] == [False, False, True]
    assert await payer(database, first) == three
    await shop.do("DELETE", f"{group}/visits/{first}")
    assert await payer(database, first) == one
    await shop.do("DELETE", f"{group}/visits/{third}")  # the host
    assert await payer(database, second) == two
    assert (await shop.do("GET", group))["visits"] == []

    # A visit belongs to one open group.
    group = groups_of(shop, (await link(shop, [first], second))["id"])
    body = {"visit_ids": [first, third], "host_visit_id": third}
    refused = await shop.client.post(groups_of(shop), json=body, headers=shop.staff)
    assert verdict(refused) == (409, "visit_grouped")
    assert await together(database, third) == {third}
    await shop.at_gate(1, "exits")
    joining = await shop.client.put(f"{group}/visits/{third}", headers=shop.staff)
    assert verdict(joining) == (409, "visit_group_over")
    naming = await shop.client.patch(group, json={"host_visit_id": first}, headers=shop.staff)
    assert verdict(naming) == (409, "visit_group_over")
    await link(shop, [first, third], third)  # the host of the first group has left
    assert await together(database, first) == {first, third}


async def test_what_is_not_inside_can_t_be_linked_nor_one_visit_twice_at_once(shop: Shop) -> None:
    _, (first, second, third) = await come_in(shop, 0, 1, 2)
    await shop.at_gate(1, "exits")
    for outside in (second, str(uuid4())):
        body = {"visit_ids": [first], "host_visit_id": outside}
        refused = await shop.client.post(groups_of(shop), json=body, headers=shop.staff)
        assert verdict(refused) == (409, "visit_not_inside")
    made = await link(shop, [first], first)
    elsewhere = (await shop.do("POST", "/v1/stores", json={"name": "Other", "code": "OTHER"}))["id"]
    other = replace(shop, store_id=elsewhere)
    body = {"visit_ids": [first], "host_visit_id": first}
    refused = await shop.client.post(groups_of(other), json=body, headers=shop.staff)
    assert verdict(refused) == (409, "visit_not_inside")
    foreign = await shop.client.get(groups_of(other, made["id"]), headers=shop.staff)
    assert verdict(foreign) == (404, "visit_group_not_found")

    await shop.do("DELETE", f"{groups_of(shop, made['id'])}/visits/{first}")
    second = (await shop.at_gate(1)).json()["visit_id"]
    bodies = [{"visit_ids": [first], "host_visit_id": host} for host in (second, third)]
    answers = await asyncio.gather(
        *(shop.client.post(groups_of(shop), json=body, headers=shop.staff) for body in bodies * 2)
    )
    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409]
