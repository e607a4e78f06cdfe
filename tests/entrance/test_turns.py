"""A turn at a gate: one person's frames until they are let through or not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi import FastAPI

from facepay.entrance.gate_turns import forget_turns
from tests.answers import verdict
from tests.conftest import Clock
from tests.entrance.doors import StillClock, show, start, visit
from tests.photos import camera_frame, stranger, variant
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
NOBODY = camera_frame([])


@pytest.fixture(scope="module")
def clock_of_module() -> Clock:
    return StillClock()


async def test_a_turn_goes_on_until_somebody_is_let_in_and_then_stays_what_it_is(shop: Shop) -> None:
    member_id = await shop.add_member(0)
    turn = (await start(shop, guests=2)).json()
    assert (turn["authentication"], turn["decision"], turn["code"]) == ("processing", "wait", "waiting")
    nobody = await show(shop, turn, NOBODY)
    assert (nobody["authentication"], nobody["decision"], nobody["code"]) == ("processing", "wait", "no_face")
    let_in = await show(shop, turn, 0)
    assert (let_in["authentication"], let_in["decision"], let_in["code"]) == ("accepted", "open", "welcome")
    assert let_in["member"]["id"] == member_id
    assert (await visit(shop, let_in["visit_id"]))["guests"] == 2
    later = await show(shop, turn, stranger())
    again = (await start(shop, guests=2)).json()
    for same in (later, again):
        assert (same["authentication"], same["decision"], same["code"]) == ("accepted", "open", "welcome")
        assert (same["turn_id"], same["visit_id"]) == (turn["turn_id"], let_in["visit_id"])
        assert same["command_number"] == let_in["command_number"] == 0  # a lock since then overrides it
        assert same["member"] is None


async def test_while_it_is_somebodys_turn_the_gate_is_busy_for_everybody_else(shop: Shop) -> None:
    await shop.add_member(0)
    other = await shop.add_member(1)
    turn = (await start(shop)).json()
    refused = await start(shop, "trip-2")
    assert verdict(refused) == (409, "device_busy")
    assert 1 <= refused.json()["retry_after"] <= 15
    assert refused.headers["Retry-After"] == str(refused.json()["retry_after"])
    assert verdict(await shop.at_gate(1)) == (409, "device_busy")
    shown = (await shop.issue_pass(other))["pass"]
    north, south = (shop.gate_id, shop.gate), await shop.add_device("gate")
    shop.gate_id, shop.gate = south
    assert (await start(shop)).json()["authentication"] == "processing"
    path = f"/v1/gates/{shop.gate_id}/turns/{turn['turn_id']}/frames"
    strange = await shop.client.post(path, content=NOBODY, headers=shop.gate | {"Content-Type": "image/jpeg"})
    assert verdict(strange) == (404, "turn_not_found")
    shop.gate_id, shop.gate = north
    assert verdict(await shop.pass_at_gate(shown)) == (409, "device_busy")
    await show(shop, turn, 0)
    assert (await shop.pass_at_gate(shown)).json()["code"] == "welcome"
    assert (await start(shop, "trip-2")).json()["turn_id"] != turn["turn_id"]


async def test_a_face_that_is_gone_for_three_seconds_is_denied(shop: Shop, clock: Clock) -> None:
    await shop.add_member(0)
    turn = (await start(shop)).json()
    dark = variant(stranger(), brightness=0.15)
    poor = await show(shop, turn, dark)
    assert (poor["authentication"], poor["code"]) == ("processing", "low_quality")
    assert poor["feedback"][0]["code"] == "more_light"
    clock.ahead += timedelta(seconds=2)
    assert (await show(shop, turn, NOBODY))["code"] == "no_face"
    assert (await show(shop, turn, dark))["code"] == "low_quality"  # back in time
    clock.ahead += timedelta(seconds=3)
    gone = await show(shop, turn, NOBODY)
    assert (gone["authentication"], gone["decision"], gone["code"]) == ("denied", "deny", "face_left")
    left = (await start(shop, "trip-2")).json()
    await show(shop, left, dark)
    clock.ahead += timedelta(seconds=3)
    assert (await start(shop, "trip-3")).json()["authentication"] == "processing"  # without waiting for a frame
    assert (await show(shop, left, 0))["code"] == "face_left"


async def test_a_turn_ends_with_its_time_and_opens_nothing_after_it(shop: Shop, app: FastAPI, clock: Clock) -> None:
    await shop.add_member(0)
    turn = (await start(shop)).json()
    clock.ahead += timedelta(seconds=14)
    assert (await show(shop, turn, NOBODY))["authentication"] == "processing"
    clock.ahead += timedelta(seconds=1)
    late = await show(shop, turn, 0)
    assert (late["authentication"], late["decision"], late["code"]) == ("denied", "deny", "turn_expired")
    assert (await shop.do("GET", f"/v1/stores/{shop.store_id}/visits"))["items"] == []
    turn = (await start(shop, "trip-2")).json()
    visit_id = (await show(shop, turn, 0))["visit_id"]
    clock.ahead += timedelta(minutes=5)
    again = (await start(shop, "trip-2")).json()
    assert (again["authentication"], again["decision"], again["visit_id"]) == ("accepted", "deny", visit_id)
    clock.ahead += timedelta(days=1)
    await forget_turns(app.state.database, now=clock())
    assert (await start(shop, "trip-2")).json()["turn_id"] != turn["turn_id"]


async def test_a_strangers_turn_ends_at_once_and_of_frames_side_by_side_one_opens_the_visit(shop: Shop) -> None:
    await shop.add_member(0)
    turn = (await start(shop)).json()
    denied = await show(shop, turn, stranger())
    assert (denied["authentication"], denied["code"], denied["similarity"]) == ("denied", "unknown_face", None)
    assert (await show(shop, turn, 0))["code"] == "unknown_face"
    turn = (await start(shop, "trip-2")).json()  # the gate is free
    answers = await asyncio.gather(*(show(shop, turn, 0) for _ in range(3)))
    assert {each["code"] for each in answers} == {"welcome"}
    assert len({each["visit_id"] for each in answers}) == 1
    assert sum(each["member"] is not None for each in answers) == 1


async def test_of_trips_that_start_side_by_side_one_gets_the_gate(shop: Shop) -> None:
    answers = await asyncio.gather(*(start(shop, f"trip-{number}") for number in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    started = next(each.json() for each in answers if each.is_success)
    same = await asyncio.gather(*(start(shop, started["trip_id"]) for _ in range(3)))
    assert {each.json()["turn_id"] for each in same} == {started["turn_id"]}
    for other in ({"guests": 1}, {"direction": "exit"}, {"group_id": str(uuid4())}):
        assert verdict(await start(shop, started["trip_id"], **other)) == (422, "trip_reused")


async def test_a_pass_is_shown_in_a_turn_and_nobody_is_kept_from_leaving(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    turn = (await start(shop)).json()
    path = f"/v1/gates/{shop.gate_id}/turns/{turn['turn_id']}/pass"
    shown = {"pass": (await shop.issue_pass(member_id))["pass"]}
    entered = (await shop.client.post(path, json=shown, headers=shop.gate)).json()
    assert (entered["authentication"], entered["code"], entered["identified_by"]) == ("accepted", "welcome", "pass")
    await shop.add_member(0)
    leaving = (await start(shop, "trip-2", direction="exit")).json()
    assert (await show(shop, leaving, 0))["code"] == "not_inside"
