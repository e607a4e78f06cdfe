"""Whoever walks out through a lane has paid, once, for just what they carry; or the exit stays closed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from tests.channel.line import record
from tests.conftest import Clock, OpenShop
from tests.lanes.lane import GOODS, LaneShop, assert_books_verify
from tests.photos import camera_frame, stranger
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
SOCKS, SCARF = (GOODS[sku][1] for sku in ("SOCKS", "SCARF"))


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


async def test_passing_with_nothing_is_free_and_needs_no_face(lanes: LaneShop, app: FastAPI) -> None:
    await lanes.shop.add_member(0)
    await lanes.shop.at_gate(0)
    known = await lanes.walk(0)
    assert (known["decision"], known["code"], known["order"]) == ("release", "nothing_taken", None)
    assert await lanes.inside() == []
    passage = await lanes.start()
    await passage.read(lanes.tag("SCARF"), times=2)  # a stray: a glimpse of a shelf
    await passage.read(lanes.tag("SCARF"), sequence=2, rssi_dbm=-75)
    assert (await passage.finish())["code"] == "nothing_taken"
    await assert_books_verify(app.state.database)


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
    member = await lanes.shop.add_member_without_face(balance=10_000)
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
    assert await lanes.shop.balance(member) == 10_000 - SOCKS
    await assert_books_verify(app.state.database, SOCKS=1)


async def test_a_face_that_leaves_before_it_was_known_is_denied(lanes: LaneShop, clock: Clock) -> None:
    passage = await lanes.start()
    await passage.look(stranger())
    clock.ahead += timedelta(seconds=4)
    gone = await passage.look(camera_frame([]))
    assert gone["authentication"] == {"status": "denied", "code": "face_left"}


async def test_a_face_that_is_gone_for_three_seconds_is_denied_whatever_comes_next_and_a_new_one_begins_anew(
    lanes: LaneShop, app: FastAPI, clock: Clock
) -> None:
    await lanes.shop.add_member(0, balance=10_000)
    passage = await lanes.start()
    await passage.look(stranger())
    await passage.look(camera_frame([]))
    clock.ahead += timedelta(seconds=2)
    assert (await passage.see())["authentication"]["status"] == "processing"
    clock.ahead += timedelta(seconds=1)
    left = {"status": "denied", "code": "face_left"}
    assert (await passage.see())["authentication"] == left, "without any frame"
    assert (await passage.look(camera_frame([])))["authentication"] == left
    assert (await passage.read(lanes.tag("SOCKS")))["authentication"] == left
    held = await passage.finish()
    assert (held["decision"], held["code"]) == ("hold", "face_left")
    paid = await passage.look(0)
    assert (paid["decision"], paid["code"]) == ("release", "paid")
    clock.ahead += timedelta(seconds=10)
    assert (await passage.see())["authentication"] == {"status": "accepted", "code": "accepted"}
    await assert_books_verify(app.state.database, SOCKS=1)


async def test_whoever_was_accepted_may_walk_on_out_of_the_cameras_view(lanes: LaneShop, clock: Clock) -> None:
    await lanes.shop.add_member(0, balance=10_000)
    passage = await lanes.start()
    await passage.look(0)
    clock.ahead += timedelta(seconds=4)
    assert (await passage.look(camera_frame([])))["authentication"]["status"] == "accepted"
    await passage.read(lanes.tag("SOCKS"))
    assert (await passage.finish())["code"] == "paid"


@pytest.mark.parametrize("door_sensor", [True, False])
async def test_a_lane_whose_door_has_no_sensor_is_not_waited_for_to_show_that_it_opened(
    lanes: LaneShop, door_sensor: bool
) -> None:
    await lanes.shop.add_member(0, balance=10_000)
    lane_id, _ = lanes.lanes[0]
    await lanes.shop.do("PUT", f"/v1/lanes/{lane_id}/policy", json={"door_sensor": door_sensor})
    passage = await lanes.start()
    await passage.read(lanes.tag("SOCKS"))
    assert (await passage.finish())["code"] == "no_face"
    assert (await lanes.at_kiosk(passage, 0)).json()["code"] == "paid"
    (told,) = await record(lanes.shop, lanes.lanes[0])
    assert told["command"] == {"kind": "open", "seconds": 10}
    assert told["effect_expected"] == ("door_opened" if door_sensor else None)


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


async def test_without_money_the_exit_stays_closed_until_there_is_some(lanes: LaneShop, app: FastAPI) -> None:
    member = await lanes.shop.add_member(0, balance=SOCKS - 1)
    passage = await lanes.start()
    await passage.read(lanes.tag("SOCKS"))
    known = await passage.look(0)
    assert (known["money"], known["held"]) == ("insufficient_funds", 0)
    held = await passage.finish()
    assert (held["decision"], held["code"]) == ("hold", "insufficient_funds")
    await lanes.shop.top_up(member, 1)
    assert (await passage.finish())["code"] == "paid"
    await assert_books_verify(app.state.database, SOCKS=1)


async def test_what_a_wallet_falls_short_of_is_owed_up_to_what_the_store_lends(open_shop: OpenShop) -> None:
    lanes = await LaneShop.open(await open_shop(lane_debt_max=500))
    member = await lanes.shop.add_member(0, balance=SOCKS - 400)
    first = await lanes.walk(0, lanes.tag("SOCKS"))
    assert (first["code"], first["order"]["advance"]) == ("paid", 400)
    assert await lanes.shop.balance(member) == 0
    assert (await lanes.walk(0, lanes.tag("SOCKS")))["code"] == "insufficient_funds"


async def test_a_camera_that_goes_on_writes_nothing_more_into_the_books(lanes: LaneShop, app: FastAPI) -> None:
    await lanes.shop.do("PUT", f"/v1/lanes/{lanes.lanes[0][0]}/policy", json={"debt_max": 500})
    await lanes.shop.add_member(0, balance=SOCKS - 400)
    passage = await lanes.start()
    await passage.read(lanes.tag("SOCKS"))
    written = []
    for _ in range(2):
        assert (await passage.look(0))["held"] == SOCKS - 400
        async with app.state.database.begin() as session:
            written.append(await session.scalar(text("select count(*) from ledger.transfers")))
    assert written[0] == written[1]
    assert (await passage.finish())["order"]["advance"] == 400
    await assert_books_verify(app.state.database, SOCKS=1)


async def test_a_large_amount_takes_a_second_factor_at_the_lane(open_shop: OpenShop) -> None:
    lanes = await LaneShop.open(await open_shop(step_up_above=1000))
    await lanes.shop.add_member(0, balance=10_000, pin="739150")
    passage = await lanes.start()
    await passage.look(0)
    await passage.read(lanes.tag("SCARF"))
    held = await passage.finish()
    assert (held["code"], held["step_up"]["factor"]) == ("amount_needs_step_up", "pin")
    assert (held["limit"], held["measured"]) == (1000, SCARF)
    asked_again = await passage.finish()
    assert asked_again["step_up"]["expires_at"] == held["step_up"]["expires_at"]
    wrong = await passage.post("/step-up", json={"answer": "000000"})
    assert (wrong["decision"], wrong["answers_left"]) == ("hold", 2)
    right = await passage.post("/step-up", json={"answer": "739150"})
    assert (right["decision"], right["code"]) == ("release", "paid")


async def test_a_tag_that_was_sold_is_not_charged_again_and_somebody_looks(lanes: LaneShop, app: FastAPI) -> None:
    await lanes.shop.add_member(0, balance=10_000)
    tag = lanes.tag("SOCKS")
    assert (await lanes.walk(0, tag))["code"] == "paid"
    again = await lanes.walk(0, tag)
    assert (again["decision"], again["code"], again["sold_tags"]) == ("release", "nothing_taken", [tag])
    (alert,) = await lanes.alerts("tag_sold_before")
    assert (alert["subject"], alert["device_id"]) == (tag, lanes.lanes[0][0])
    await assert_books_verify(app.state.database, SOCKS=1)


async def test_a_tag_that_the_neighbouring_lane_reads_better_is_that_lanes(lanes: LaneShop, app: FastAPI) -> None:
    members = [await lanes.shop.add_member(number, balance=10_000) for number in (0, 1)]
    here, there, scarf = await lanes.start(0), await lanes.start(1), lanes.tag("SCARF")
    await here.look(0)
    await there.look(1)
    await here.read(scarf, lanes.tag("SOCKS"), rssi_dbm=-58)
    await there.read(scarf, rssi_dbm=-44)
    assert [item["sku"] for item in (await here.finish())["items"]] == ["SOCKS"]
    assert (await there.finish())["total"] == SCARF
    assert [await lanes.shop.balance(each) for each in members] == [10_000 - SOCKS, 10_000 - SCARF]
    await assert_books_verify(app.state.database, SOCKS=1, SCARF=1)


async def test_a_dear_tag_that_two_lanes_read_alike_is_held_and_a_cheap_one_is_given(open_shop: OpenShop) -> None:
    lanes = await LaneShop.open(await open_shop(shelf_favour_max=SOCKS))
    for number in (0, 1):
        await lanes.shop.add_member(number, balance=10_000)
    here, there = await lanes.start(0), await lanes.start(1)
    scarf, socks = lanes.tag("SCARF"), lanes.tag("SOCKS")
    await here.look(0)
    await here.read(socks)
    await there.read(socks)
    given = await here.finish()
    assert (given["code"], given["disputed_tags"], given["total"]) == ("nothing_taken", [socks], 0)
    here = await lanes.start(0)
    await here.look(0)
    await here.read(scarf)
    await there.read(scarf, sequence=2)
    held = await here.finish()
    assert (held["decision"], held["code"], held["disputed_tags"]) == ("hold", "tag_disputed", [scarf])


async def test_a_face_that_is_withdrawn_on_the_way_out_pays_nothing(lanes: LaneShop, app: FastAPI) -> None:
    member = await lanes.shop.add_member(0, balance=10_000)
    passage = await lanes.start()
    await passage.look(0)
    await passage.read(lanes.tag("SOCKS"))
    await lanes.shop.do("DELETE", f"/v1/members/{member}/face")
    held = await passage.finish()
    assert (held["decision"], held["code"], held["held"], held["member"]) == ("hold", "unknown_face", 0, None)
    assert (await passage.show_pass(member))["code"] == "paid"
    await assert_books_verify(app.state.database, SOCKS=1)
