"""House rules: how many come in, when, and whose face has to show; nobody is kept from leaving."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

from facepay.kernel.database import Database
from facepay.vision.engine import Engine
from facepay.vision.quality import ENROLMENT, UNCOVERED
from tests.answers import verdict
from tests.checkout.test_round_trips import recorded
from tests.conftest import Clock
from tests.entrance.doors import enter, open_group, show, start
from tests.photos import people, variant
from tests.shop import Shop
from tests.vision.test_quality import MASKS, covered, with_sunglasses

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
DAILY = {"weekly": dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))}


async def set_rules(shop: Shop, **rules: Any) -> Any:
    return await shop.do("PUT", f"/v1/stores/{shop.store_id}/house-rules", json=rules)


async def add_hours(shop: Shop, start: datetime, end: datetime) -> str:
    """Every day, between these two by the store's clock."""
    hours = [[f"{start:%H:%M}", f"{end:%H:%M}"]]
    timetable = {"weekly": dict.fromkeys(DAILY["weekly"], hours)}
    path = f"/v1/stores/{shop.store_id}/schedules"
    return str((await shop.do("POST", path, json={"name": uuid4().hex, "timetable": timetable}))["id"])


async def leave(shop: Shop, person: int) -> Any:
    return (await shop.at_gate(person, "exits")).json()


async def test_rules_are_staffs_to_see_and_to_set(shop: Shop) -> None:
    path = f"/v1/stores/{shop.store_id}/house-rules"
    none = await shop.do("GET", path)
    assert (none["capacity_max"], none["one_party_at_a_time"], none["changed_by"]) == (None, False, None)
    kept = await set_rules(shop, capacity_max=4, stay_max_minutes=60)
    assert await shop.do("GET", path) == kept
    assert (kept["capacity_max"], kept["stay_max_minutes"]) == (4, 60)
    assert kept["changed_by"].startswith("staff:")
    assert (await set_rules(shop, capacity_max=2))["stay_max_minutes"] is None
    for nonsense in ({"capacity_max": 0}, {"capacity": 3}, {"face_must_show": "yes"}, {"refusals_max": 1}):
        refused = await shop.client.put(path, json=nonsense, headers=shop.staff)
        assert verdict(refused) == (422, "invalid_request")
    elsewhere = await shop.do("POST", "/v1/stores", json={"name": "Elsewhere", "code": "ELSE"})
    other = {"name": "Hours", "timetable": {"weekly": {}}}
    schedule = await shop.do("POST", f"/v1/stores/{elsewhere['id']}/schedules", json=other)
    refused = await shop.client.put(path, json={"opening_schedule_id": schedule["id"]}, headers=shop.staff)
    assert verdict(refused) == (404, "schedule_not_found")


async def test_members_and_their_guests_fill_a_store_and_one_party_does_where_it_may_be_there_alone(
    shop: Shop,
) -> None:
    for number in (0, 1, 2):
        await shop.add_member(number)
    await set_rules(shop, capacity_max=3)
    assert (await enter(shop, 0, guests=1))["code"] == "welcome"
    full = await enter(shop, 1, guests=1)
    assert (full["decision"], full["code"], full["retry_after"], full["visit_id"]) == ("deny", "store_full", 30, None)
    assert full["feedback"] == [
        {"code": "store_full", "message": "The store is full. Please wait until somebody leaves."}
    ]
    assert (await enter(shop, 1))["code"] == "welcome"
    assert (await enter(shop, 2))["code"] == "store_full"
    assert (await enter(shop, 0))["code"] == "already_inside"
    assert (await leave(shop, 0))["code"] == "goodbye"
    assert (await enter(shop, 2))["code"] == "welcome"
    for number in (1, 2):
        assert (await leave(shop, number))["code"] == "goodbye"

    await set_rules(shop, one_party_at_a_time=True)
    group_id = await open_group(shop)
    assert (await enter(shop, 0, guests=2, group_id=group_id))["code"] == "welcome"
    alone = await enter(shop, 1)
    assert (alone["code"], alone["retry_after"]) == ("party_inside", 30)
    assert (await enter(shop, 1, group_id=await open_group(shop)))["code"] == "party_inside"
    assert (await enter(shop, 1, group_id=group_id))["code"] == "welcome"
    assert (await enter(shop, 2))["code"] == "party_inside"
    for number in (0, 1):
        assert (await leave(shop, number))["code"] == "goodbye"
    assert (await enter(shop, 2))["code"] == "welcome"


async def test_of_many_who_come_in_at_once_at_several_gates_no_one_is_too_many(shop: Shop, database: Database) -> None:
    members = [await shop.add_member_without_face() for _ in range(7)]
    passes = [(await shop.issue_pass(member))["pass"] for member in members]
    gates = [(shop.gate_id, shop.gate), await shop.add_device("gate"), await shop.add_device("gate")]
    await set_rules(shop, capacity_max=3)
    answers = await asyncio.gather(
        *(shop.pass_at_gate(text, gate=gates[number % 3]) for number, text in enumerate(passes))
    )
    codes = [each.json()["code"] for each in answers]
    assert (codes.count("welcome"), codes.count("store_full")) == (3, 4)
    inside = (await shop.do("GET", f"/v1/stores/{shop.store_id}/visits", params={"inside": True}))["items"]
    assert len(inside) == 3
    ended = inside[0]["id"]
    assert (await shop.do("POST", f"/v1/stores/{shop.store_id}/visits/{ended}/end"))["left_at"]
    again = await shop.client.post(f"/v1/stores/{shop.store_id}/visits/{ended}/end", headers=shop.staff)
    assert verdict(again) == (409, "visit_not_inside")
    waiting = members[codes.index("store_full")]
    text = (await shop.issue_pass(waiting))["pass"]
    assert (await shop.pass_at_gate(text)).json()["code"] == "welcome"


async def test_of_two_parties_that_come_at_once_one_waits(shop: Shop) -> None:
    passes = [(await shop.issue_pass(await shop.add_member_without_face()))["pass"] for _ in range(4)]
    await set_rules(shop, one_party_at_a_time=True)
    other = await shop.add_device("gate")
    gates = [(shop.gate_id, shop.gate), other, (shop.gate_id, shop.gate), other]
    answers = await asyncio.gather(
        *(shop.pass_at_gate(text, gate=gate) for text, gate in zip(passes, gates, strict=True))
    )
    assert sorted(each.json()["code"] for each in answers) == ["party_inside"] * 3 + ["welcome"]


async def test_outside_its_hours_a_store_lets_out_and_says_when_it_opens(shop: Shop, clock: Clock) -> None:
    await shop.add_member(0)
    await shop.add_member(1)
    wall = clock().astimezone(ZoneInfo("UTC"))
    opens = (wall + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    hours = await add_hours(shop, opens, opens + timedelta(hours=8))
    assert (await enter(shop, 0))["code"] == "welcome"
    await set_rules(shop, opening_schedule_id=hours)
    closed = await enter(shop, 1)
    assert (closed["decision"], closed["code"], closed["visit_id"]) == ("deny", "outside_hours", None)
    assert datetime.fromisoformat(closed["opens_at"]) == opens
    assert closed["feedback"][0]["message"] == f"The store is closed. It opens on {opens:%A} at {opens:%H:%M}."
    turn = (await start(shop)).json()
    assert (await show(shop, turn, 1))["opens_at"] == closed["opens_at"]
    assert (await leave(shop, 0))["code"] == "goodbye"
    clock.ahead = opens - wall + timedelta(minutes=1)
    assert (await enter(shop, 1))["code"] == "welcome"


def masked(engine: Engine, number: int) -> bytes:
    return covered(people()[number], engine.analyse(people()[number], points=True).faces[0], MASKS["surgical"])


async def test_a_covered_face_comes_in_where_it_may_and_not_where_faces_must_show(shop: Shop, engine: Engine) -> None:
    await shop.add_member(2)
    mask, poor = masked(engine, 2), variant(masked(engine, 0), brightness=0.75)  # hardly a face any more
    assert (await enter(shop, poor))["code"] == "low_quality"
    assert (await enter(shop, mask))["code"] == "welcome"
    assert (await shop.at_gate(mask, "exits")).json()["code"] == "goodbye"
    await set_rules(shop, face_must_show=True)
    refused = await enter(shop, mask)
    assert (refused["decision"], refused["code"], refused["member"]) == ("deny", "face_covered", None)
    assert refused["feedback"][0]["code"] == "take_the_mask_off"
    refused = await enter(shop, poor)
    assert (refused["code"], refused["feedback"][0]["code"]) == ("face_covered", "take_the_mask_off")
    dark = with_sunglasses(people()[2], engine.analyse(people()[2]).faces[0])
    assert (await enter(shop, dark))["feedback"][0]["code"] == "uncover_your_eyes"
    turn = (await start(shop)).json()
    waits = await show(shop, turn, mask)
    assert (waits["decision"], waits["code"], waits["feedback"][0]["code"]) == (
        "wait",
        "face_covered",
        "take_the_mask_off",
    )
    assert (await show(shop, turn, 2))["code"] == "welcome"
    assert (await shop.at_gate(mask, "exits")).json()["code"] == "goodbye"


async def test_where_faces_must_show_a_pass_lets_out_and_not_in(shop: Shop) -> None:
    member = await shop.add_member_without_face()
    text = (await shop.issue_pass(member))["pass"]
    await set_rules(shop, face_must_show=True)
    refused = (await shop.pass_at_gate(text)).json()
    assert (refused["decision"], refused["code"], refused["feedback"][0]["code"]) == (
        "deny",
        "face_required",
        "face_required",
    )
    await set_rules(shop)
    assert (await shop.pass_at_gate(text)).json()["code"] == "welcome"  # it was not spent
    await set_rules(shop, face_must_show=True)
    out = (await shop.issue_pass(member))["pass"]
    assert (await shop.pass_at_gate(out, "exits")).json()["code"] == "goodbye"


def test_whether_a_face_is_covered_is_judged_as_at_enrolment() -> None:
    judged = {
        name: getattr(UNCOVERED, name)
        for name in ("mouth_colour_shift_max", "mouth_detail_min", "mouth_points_shift_max", "eyes_light_min")
    }
    assert judged == {name: getattr(ENROLMENT, name) for name in judged}
    assert UNCOVERED.embedding_norm_min is UNCOVERED.smile_max is None


async def test_rules_cost_an_entry_a_statement_only_where_people_are_counted(
    shop: Shop, app: FastAPI, clock: Clock
) -> None:
    await shop.add_member(0)
    wall = clock().astimezone(ZoneInfo("UTC"))
    hours = await add_hours(shop, wall - timedelta(hours=2), wall + timedelta(hours=2))
    for rules, statements in (
        ({"opening_schedule_id": hours, "face_must_show": True}, 8),
        ({"opening_schedule_id": hours, "capacity_max": 3, "one_party_at_a_time": True}, 9),
    ):
        await set_rules(shop, **rules)
        with recorded() as sent:
            answer = (await shop.at_gate(0)).json()
        assert answer["code"] == "welcome"
        assert len(sent) <= statements, "\n".join(sent)
        await leave(shop, 0)
