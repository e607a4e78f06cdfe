"""Whoever walks out through a lane has paid, once, for just what they carry; or the exit stays closed."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from tests.channel.line import record
from tests.conftest import Clock
from tests.lanes.lane import GOODS, LaneShop, assert_books_verify
from tests.photos import camera_frame, stranger
from tests.shop import Shop

SOCKS, SCARF = (GOODS[sku][1] for sku in ("SOCKS", "SCARF"))
LENT, LARGE = 300, 7000
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.reopened(lane_debt_max=LENT, step_up_above=LARGE, shelf_favour_max=SOCKS),
]


@pytest.fixture
async def lanes(shop: Shop) -> LaneShop:
    return await LaneShop.open(shop)


async def test_whoever_walks_out_has_paid_for_what_they_carry_and_left(lanes: LaneShop, app: FastAPI) -> None:
    member = await lanes.shop.add_member(0, balance=10_000)
    await lanes.shop.at_gate(0)
    passage = await lanes.start()
    pair, scarf = [lanes.tag("SOCKS"), lanes.tag("SOCKS")], lanes.tag("SCARF")
    seen = await passage.read(*pair)
    assert (seen["decision"], seen["total"], seen["held"]) == ("pending", 2 * SOCKS, 0)
    known = await passage.look(0)
    assert known["authentication"] == {"status": "accepted", "code": "accepted"}
    assert (known["narrowed_by"], known["money"], known["held"]) == ("inside_store", "authorised", 2 * SOCKS)
    await passage.read(scarf, *pair, sequence=3)
    again = await passage.read(scarf, *pair, sequence=3)
    assert (again["total"], again["held"]) == (2 * SOCKS + SCARF, 2 * SOCKS + SCARF)
    assert [(item["sku"], item["quantity"]) for item in again["items"]] == [("SCARF", 1), ("SOCKS", 2)]
    late = await lanes.ask(f"/{passage.id}/finish", json={"parts": 3})
    assert (late.status_code, late.json()["code"], late.json()["missing"]) == (409, "reads_missing", [2])
    await passage.read(pair[0], sequence=2)
    paid = await passage.finish(parts=3)
    assert (paid["decision"], paid["code"]) == ("release", "paid")
    assert (paid["order"]["total"], paid["order"]["device_id"]) == (2 * SOCKS + SCARF, lanes.lanes[0][0])
    assert await passage.finish(parts=3) == paid | {"timings_ms": {}}
    assert await lanes.inside() == []
    assert await lanes.shop.balance(member) == 10_000 - 2 * SOCKS - SCARF
    await assert_books_verify(app.state.database, SOCKS=2, SCARF=1)


async def test_passing_with_nothing_or_with_what_was_sold_before_is_free_until_it_comes_back(
    lanes: LaneShop, app: FastAPI
) -> None:
    await lanes.shop.add_member(0, balance=10_000)
    await lanes.shop.at_gate(0)
    known = await lanes.walk(0)
    assert (known["decision"], known["code"], known["order"]) == ("release", "nothing_taken", None)
    assert await lanes.inside() == []
    nobody = await lanes.start()
    await nobody.read(lanes.tag("SCARF"), times=2)  # a stray: a glimpse of a shelf
    await nobody.read(lanes.tag("SCARF"), sequence=2, rssi_dbm=-75)
    assert (await nobody.finish())["code"] == "nothing_taken", "which needs no face"

    kept, returned = lanes.tag("SOCKS"), lanes.tag("SOCKS")
    paid = await lanes.walk(0, kept, returned)
    assert paid["code"] == "paid"
    again = await lanes.walk(0, kept)
    assert (again["decision"], again["code"], again["sold_tags"]) == ("release", "nothing_taken", [kept])
    (alert,) = await lanes.alerts("tag_sold_before")
    assert (alert["subject"], alert["device_id"]) == (kept, lanes.lanes[0][0])
    await lanes.shop.do(
        "POST",
        f"/v1/orders/{paid['order']['id']}/returns",
        json={"lines": [{"sku": "SOCKS", "quantity": 1}], "epcs": [returned], "reason": "Too small"},
        headers={"Idempotency-Key": uuid4().hex},
    )
    sold = await lanes.walk(0, kept, returned)
    assert (sold["decision"], sold["total"], sold["order"]["total"]) == ("release", SOCKS, SOCKS)
    assert {each["subject"] for each in await lanes.alerts("tag_sold_before")} == {kept}
    await assert_books_verify(app.state.database, SOCKS=2)


async def test_a_trip_is_one_passage_for_good_and_has_the_lane_to_itself(lanes: LaneShop, clock: Clock) -> None:
    passage = await lanes.start(trip="trip-1")
    assert (await lanes.start(trip="trip-1")).id == passage.id
    busy = await lanes.begin("trip-2")
    assert (busy.status_code, busy.json()["code"]) == (409, "device_busy")
    assert int(busy.headers["Retry-After"]) <= 30
    taken = await lanes.begin("trip-1", 1)
    assert (taken.status_code, taken.json()["code"]) == (409, "trip_taken")
    await passage.finish()
    again = await lanes.start(trip="trip-1")
    assert (again.id, again.started["decision"]) == (passage.id, "release")
    over = await lanes.ask(f"/{passage.id}/reads", json={"sequence": 1, "reads": []})
    assert (over.status_code, over.json()["code"]) == (409, "passage_over")
    assert (await lanes.start(trip="trip-3")).id != passage.id
    unknown = await lanes.ask(f"/{passage.id}", 1, method="GET")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "passage_not_found")


async def test_without_a_face_the_exit_stays_closed_until_a_pass_is_shown(lanes: LaneShop, app: FastAPI) -> None:
    member = await lanes.shop.add_member(0, balance=10_000)
    passage = await lanes.start()
    await passage.look(0)
    await passage.read(lanes.tag("SOCKS"))
    await lanes.shop.do("DELETE", f"/v1/members/{member}/face")
    withdrawn = await passage.finish()
    assert (withdrawn["decision"], withdrawn["code"]) == ("hold", "unknown_face")
    assert (withdrawn["held"], withdrawn["member"]) == (0, None)
    assert (await passage.show_pass(member))["code"] == "paid"

    passage = await lanes.start()
    await passage.read(lanes.tag("SOCKS"))
    empty = await passage.look(camera_frame([]))
    assert empty["authentication"] == {"status": "processing", "code": "no_face"}
    held = await passage.finish()
    assert (held["decision"], held["code"], held["order"], held["total"]) == ("hold", "no_face", None, SOCKS)
    unknown = await passage.look(stranger())
    assert (unknown["decision"], unknown["code"]) == ("hold", "unknown_face")
    assert unknown["authentication"]["status"] == "denied"
    paid = await passage.show_pass(member)
    assert (paid["decision"], paid["identified_by"], paid["order"]["member_id"]) == ("release", "pass", member)
    assert await lanes.shop.balance(member) == 10_000 - 2 * SOCKS
    await assert_books_verify(app.state.database, SOCKS=2)


async def test_a_face_that_is_gone_for_three_seconds_is_denied_whatever_comes_next_and_a_new_one_begins_anew(
    lanes: LaneShop, app: FastAPI, clock: Clock
) -> None:
    await lanes.shop.add_member(0, balance=10_000)
    left = {"status": "denied", "code": "face_left"}
    never_known = await lanes.start(1)
    await never_known.look(stranger())
    clock.ahead += timedelta(seconds=4)
    assert (await never_known.look(camera_frame([])))["authentication"] == left

    passage = await lanes.start()
    await passage.look(stranger())
    await passage.look(camera_frame([]))
    clock.ahead += timedelta(seconds=2)
    assert (await passage.see())["authentication"]["status"] == "processing"
    clock.ahead += timedelta(seconds=1)
    assert (await passage.see())["authentication"] == left, "without any frame"
    assert (await passage.look(camera_frame([])))["authentication"] == left
    assert (await passage.read(lanes.tag("SOCKS")))["authentication"] == left
    held = await passage.finish()
    assert (held["decision"], held["code"]) == ("hold", "face_left")
    paid = await passage.look(0)
    assert (paid["decision"], paid["code"]) == ("release", "paid")
    clock.ahead += timedelta(seconds=10)
    assert (await passage.see())["authentication"] == {"status": "accepted", "code": "accepted"}

    passage = await lanes.start()
    await passage.look(0)
    clock.ahead += timedelta(seconds=4)
    accepted = await passage.look(camera_frame([]))
    assert accepted["authentication"]["status"] == "accepted", "who was known may walk on out of the camera's view"
    await passage.read(lanes.tag("SOCKS"))
    assert (await passage.finish())["code"] == "paid"
    await assert_books_verify(app.state.database, SOCKS=2)


async def test_a_lane_whose_door_has_no_sensor_is_not_waited_for_to_show_that_it_opened(lanes: LaneShop) -> None:
    await lanes.shop.add_member(0, balance=10_000)
    for lane, door_sensor in enumerate((True, False)):
        policy = f"/v1/lanes/{lanes.lanes[lane][0]}/policy"
        await lanes.shop.do("PUT", policy, json={"door_sensor": door_sensor})
        passage = await lanes.start(lane)
        await passage.read(lanes.tag("SOCKS"))
        assert (await passage.finish())["code"] == "no_face"
        assert (await lanes.at_kiosk(passage, 0)).json()["code"] == "paid"
        (told,) = await record(lanes.shop, lanes.lanes[lane])
        assert told["command"] == {"kind": "open", "seconds": 10}
        assert told["effect_expected"] == ("door_opened" if door_sensor else None), policy


async def test_goods_that_the_lane_cannot_name_are_paid_at_a_kiosk(lanes: LaneShop, app: FastAPI) -> None:
    member = await lanes.shop.add_member(0, balance=10_000)
    await lanes.shop.at_gate(0)
    passage = await lanes.start()
    await passage.look(0)
    odd, scarf = "311BA1B300CE0A6A83000000", lanes.tag("SCARF")
    await passage.read(lanes.tag("SOCKS"), odd, scarf)
    held = await passage.finish()
    assert (held["decision"], held["code"], held["unknown_tags"]) == ("hold", "unknown_tag", [odd])
    assert await lanes.shop.balance(member) == 10_000 - held["held"]
    still = (await lanes.at_kiosk(passage, 0)).json()
    assert (still["decision"], still["code"]) == ("hold", "unknown_tag")
    other = (await lanes.at_kiosk(passage, stranger(), '{"lines":[{"sku":"TEA-001","quantity":1}]}')).json()
    assert (other["decision"], other["code"]) == ("hold", "unknown_face"), "whoever the lane knew isn't at the kiosk"
    named = f'{{"lines":[{{"sku":"TEA-001","quantity":1}}],"left_behind":["{scarf}"]}}'
    paid = (await lanes.at_kiosk(passage, 0, named)).json()
    assert (paid["decision"], paid["code"], paid["order"]["total"]) == ("release", "paid", SOCKS + 450)
    assert paid["order"]["device_id"] == lanes.shop.kiosk_id
    told = await lanes.ask(f"/{passage.id}", method="GET")
    assert (told.json()["decision"], told.json()["order"]["id"]) == ("release", paid["order"]["id"])
    assert told.json()["command_number"] == 1, "the lane was told to open"
    (alert,) = await lanes.alerts("goods_left_behind")
    assert (alert["details"]["epcs"], alert["device_id"]) == ([scarf], lanes.shop.kiosk_id)
    again = await lanes.at_kiosk(passage, 0, named)
    assert (again.status_code, again.json()["code"]) == (409, "passage_over")
    assert await lanes.shop.balance(member) == 10_000 - SOCKS - 450
    await assert_books_verify(app.state.database, SOCKS=1)


async def test_what_a_wallet_falls_short_of_is_owed_up_to_what_the_lane_or_else_the_store_lends(
    lanes: LaneShop, app: FastAPI
) -> None:
    await lanes.shop.do("PUT", f"/v1/lanes/{lanes.lanes[1][0]}/policy", json={"debt_max": 400})
    member = await lanes.shop.add_member(0, balance=SOCKS - 400)
    owed = await lanes.start(1)
    await owed.read(lanes.tag("SOCKS"))
    written = []
    for _ in range(2):
        assert (await owed.look(0))["held"] == SOCKS - 400
        async with app.state.database.begin() as session:
            written.append(await session.scalar(text("select count(*) from ledger.transfers")))
    assert written[0] == written[1], "a camera that goes on writes nothing more into the books"
    paid = await owed.finish()
    assert (paid["code"], paid["order"]["advance"]) == ("paid", 400)
    assert await lanes.shop.balance(member) == 0

    await lanes.shop.top_up(member, 400 + SOCKS - LENT - 1)
    passage = await lanes.start(0)
    await passage.read(lanes.tag("SOCKS"))
    known = await passage.look(0)
    assert (known["money"], known["held"]) == ("insufficient_funds", 0)
    held = await passage.finish()
    assert (held["decision"], held["code"]) == ("hold", "insufficient_funds")
    await lanes.shop.top_up(member, 1)
    paid = await passage.finish()
    assert (paid["code"], paid["order"]["advance"]) == ("paid", LENT)
    await assert_books_verify(app.state.database, SOCKS=2)


async def test_a_large_amount_takes_a_second_factor_at_the_lane(lanes: LaneShop) -> None:
    await lanes.shop.add_member(0, balance=10_000, pin="739150")
    passage = await lanes.start()
    await passage.look(0)
    await passage.read(lanes.tag("SCARF"), lanes.tag("SCARF"))
    held = await passage.finish()
    assert (held["code"], held["step_up"]["factor"]) == ("amount_needs_step_up", "pin")
    assert (held["limit"], held["measured"]) == (LARGE, 2 * SCARF)
    asked_again = await passage.finish()
    assert asked_again["step_up"]["expires_at"] == held["step_up"]["expires_at"]
    wrong = await passage.post("/step-up", json={"answer": "000000"})
    assert (wrong["decision"], wrong["answers_left"]) == ("hold", 2)
    right = await passage.post("/step-up", json={"answer": "739150"})
    assert (right["decision"], right["code"]) == ("release", "paid")


async def test_a_tag_is_the_lanes_that_reads_it_better_and_one_read_alike_is_given_if_cheap_and_held_if_dear(
    lanes: LaneShop, app: FastAPI
) -> None:
    members = [await lanes.shop.add_member(number, balance=10_000) for number in (0, 1)]
    here, there, scarf = await lanes.start(0), await lanes.start(1), lanes.tag("SCARF")
    await here.look(0)
    await there.look(1)
    await here.read(scarf, lanes.tag("SOCKS"), rssi_dbm=-58)
    await there.read(scarf, rssi_dbm=-44)
    assert [item["sku"] for item in (await here.finish())["items"]] == ["SOCKS"]
    assert (await there.finish())["total"] == SCARF
    assert [await lanes.shop.balance(each) for each in members] == [10_000 - SOCKS, 10_000 - SCARF]

    here, there = await lanes.start(0), await lanes.start(1)
    scarf, socks = lanes.tag("SCARF"), lanes.tag("SOCKS")
    await here.look(0)
    await here.read(socks)
    await there.read(socks)
    given = await here.finish()
    assert (given["code"], given["disputed_tags"], given["total"]) == ("nothing_taken", [socks], 0)
    here = await lanes.start(0)
    await here.look(0)
    await here.read(scarf, lanes.tag("SOCKS"))
    await there.read(scarf, sequence=2)
    held = await here.finish()
    assert (held["decision"], held["code"], held["disputed_tags"]) == ("hold", "tag_disputed", [scarf])
    assert (await lanes.at_kiosk(here, 0)).json()["code"] == "paid"
    told = [(each["severity"], each["details"]["epcs"]) for each in await lanes.alerts("tags_disputed")]
    assert sorted(told) == [("info", [socks]), ("warning", [scarf])], "dear goods may have left unpaid"
    await assert_books_verify(app.state.database, SOCKS=2, SCARF=1)
