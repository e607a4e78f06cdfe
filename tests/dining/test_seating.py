"""Who sits where: members one by one, guests as guests, nobody twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from facepay.dining.regions import Region, seat_at, slices
from facepay.dining.seatings import Seating
from facepay.identity.watches import watch
from facepay.staff.accounts import StaffAccount
from tests.dining.room import Table, at_table
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
MEMBERS = (0, 3)


def seats_of(party: dict[str, Any]) -> dict[int, str | None]:
    return {each["seat"]: each["member"] and each["member"]["id"] for each in party["covers"]}


def said(answer: dict[str, Any]) -> dict[int, tuple[str, str]]:
    return {each["seat"]: (each["decision"], each["code"]) for each in answer["seated"]}


async def test_everybody_in_the_picture_gets_the_seat_whose_region_they_are_in(shop: Shop) -> None:
    table = await Table.set_up(shop)
    first, second = await shop.add_member(0), await shop.add_member(3)
    frame, key = at_table(3, -1, None, 0), uuid4().hex
    answer = (await table.show(frame, key=key)).json()
    assert answer["decision"] == "seated", answer
    assert seats_of(answer["party"]) == {1: second, 2: None, 4: first}
    assert answer["party"]["host_seat"] == 1
    welcome = ("member", "welcome")
    assert said(answer) == {1: welcome, 2: ("guest", "unknown_face"), 4: welcome}
    assert await table.party() == answer["party"]
    again = await table.show(frame, key=key)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (answer, "true")
    assert (await table.show(at_table(0), key=key)).json()["code"] == "idempotency_key_reused"
    assert seats_of((await table.show(frame)).json()["party"]) == seats_of(answer["party"])
    async with shop.app.state.database.begin() as session:
        strangers = await session.scalars(select(Seating).where(Seating.code == "unknown_face"))
        kept = {(each.member_id, each.similarity, each.quality) for each in strangers}
    assert kept == {(None, None, None)}


async def test_whoever_joins_later_is_added_and_a_guest_may_turn_out_to_be_a_member(shop: Shop) -> None:
    table = await Table.set_up(shop)
    member, other = await shop.add_member(0), await shop.add_member(3)
    nobody = (await table.show(at_table())).json()
    assert (nobody["decision"], nobody["party"]) == ("nobody", None)
    assert (await table.send("GET", "/party")).json()["code"] == "party_not_found"
    party = (await table.do("POST", "/parties/guests", json={"seat": 2}))["party"]
    assert (seats_of(party), party["host_seat"]) == ({2: None}, 2)
    party = await table.seat(None, 0)
    assert (seats_of(party), party["host_seat"]) == ({2: member}, 2)
    shown = await shop.issue_pass(other)
    answer = await table.do("POST", "/parties/pass", json={"pass": shown["pass"], "seat": 1})
    assert (said(answer), seats_of(answer["party"])) == ({1: ("member", "welcome")}, {1: other, 2: member})
    refused = await table.send("POST", "/parties/guests", json={"seat": 5})
    assert (refused.status_code, refused.json()["code"]) == (422, "no_such_seat")


async def test_nobody_sits_twice(shop: Shop) -> None:
    table, other = await Table.set_up(shop), await Table.set_up(shop, "Table 8")
    member, second = await shop.add_member(0), await shop.add_member(3)
    twice = (await table.show(at_table(0, None, 0))).json()
    assert sorted(said(twice).values()) == [("guest", "unknown_face"), ("member", "welcome")]
    [seat] = [each for each, who in seats_of(twice["party"]).items() if who]
    away = (await table.show(at_table(*[None] * 3, 0))).json()
    assert said(away) == {4: ("guest", "already_seated")}
    assert said((await other.show(at_table(0))).json()) == {1: ("guest", "seated_elsewhere")}
    taken = (await table.show(at_table(*[None] * (seat - 1), 3))).json()
    assert said(taken) == {seat: ("guest", "seat_taken")}
    assert seats_of(taken["party"])[seat] == member
    assert said((await other.show(at_table(None, 3))).json()) == {2: ("member", "welcome")}
    assert seats_of(await other.party()) == {1: None, 2: second}


async def test_two_pictures_at_once_open_one_party_and_two_tables_seat_a_member_once(shop: Shop) -> None:
    table, other = await Table.set_up(shop), await Table.set_up(shop, "Table 8")
    for number in MEMBERS:
        await shop.add_member(number)
    answers = await asyncio.gather(*(table.show(at_table(-1, None)) for _ in range(3)), table.show(at_table(None, -1)))
    assert len({each.json()["party"]["id"] for each in answers}) == 1
    assert seats_of(await table.party()) == {1: None, 2: None}
    both = await asyncio.gather(table.show(at_table(None, None, *MEMBERS)), other.show(at_table(*reversed(MEMBERS))))
    codes = sorted(code for each in both for _, code in said(each.json()).values())
    assert codes == ["seated_elsewhere"] * 2 + ["welcome"] * 2


async def test_whose_face_alone_isnt_trusted_is_a_guest_until_they_prove_themselves(shop: Shop) -> None:
    table = await Table.set_up(shop)
    member = await shop.add_member(0, pin="739150")
    async with shop.app.state.database.begin() as session:
        staff_id = await session.scalar(select(StaffAccount.id))
        now = shop.app.state.clock()
        await watch(session, member_id=UUID(member), reason="Was charged for another", staff_id=staff_id, now=now)
    answer = (await table.show(at_table(0))).json()
    assert (said(answer), seats_of(answer["party"])) == ({1: ("step_up", "watched_member")}, {1: None})
    [asked] = answer["seated"]
    assert (asked["step_up"]["factor"], asked["member"]) == ("pin", None)
    path = f"/seatings/{asked['seating_id']}/step-up"
    wrong = await table.do("POST", path, json={"answer": "1111"})
    assert (wrong["decision"], wrong["code"], wrong["answers_left"]) == ("step_up", "wrong_answer", 2)
    other = await Table.set_up(shop, "Table 8")
    assert (await other.send("POST", path, json={"answer": "739150"})).json()["code"] == "attempt_not_found"
    right = await table.do("POST", path, json={"answer": "739150"})
    assert (right["decision"], right["member"]["id"]) == ("member", member)
    assert seats_of(await table.party()) == {1: member}


async def test_pictures_of_members_are_guests_where_the_table_requires_to_see_people(shop: Shop) -> None:
    table, other = await Table.set_up(shop), await Table.set_up(shop, "Table 8")
    for number in MEMBERS:
        await shop.add_member(number)

    async def seen(at: Table) -> set[str]:
        return {code for _, code in said((await at.show(at_table(*MEMBERS))).json()).values()}

    for check, code in (("challenge", "challenge_required"), ("depth", "depth_required"), ("replay", "welcome")):
        for each in (table, other):
            await shop.do("PATCH", f"/v1/devices/{each.device_id}", json={"presentation_checks": [check]})
        assert await seen(table) == {code}, check
    assert await seen(other) == {"frame_seen_before"}


async def test_a_table_is_set_up_with_regions_of_its_own(shop: Shop) -> None:
    halves = [{"left": 0.5, "width": 0.5}, {"left": 0, "width": 0.5, "top": 0.1, "height": 0.9}]
    path = f"/v1/stores/{shop.store_id}/tables"
    device_id, headers = await shop.add_device("table")
    body: dict[str, Any] = {"name": "Table 7", "device_id": device_id, "seats": 2, "regions": halves}
    table = Table(shop, (await shop.do("POST", path, json=body))["id"], device_id, headers)
    members = {number: await shop.add_member(number) for number in MEMBERS}
    answer = (await table.show(at_table(0, None, None, 3))).json()
    assert seats_of(answer["party"]) == {1: members[3], 2: members[0]}
    crowd = (await table.show(at_table(-1, 0, None, 3))).json()
    assert (len(crowd["seated"]), crowd["unseated"]) == (2, 1)
    alone = (await table.show(at_table(0, None, None, 3), seat=1)).json()
    assert (said(alone), alone["unseated"]) == ({1: ("member", "welcome")}, 1)
    device_id, _ = await shop.add_device("table")
    new: dict[str, Any] = {"name": "Table 9", "device_id": device_id, "seats": 2}
    for changes, status, code in (
        ({"device_id": shop.kiosk_id}, 409, "device_not_a_table"),
        ({"device_id": str(uuid4())}, 404, "device_not_found"),
        ({"name": "Table 7"}, 409, "table_taken"),
        ({"device_id": table.device_id}, 409, "table_taken"),
        ({"regions": halves[:1]}, 422, "regions_dont_fit"),
        ({"regions": [{"left": 0.6, "width": 0.5}] * 2}, 422, "invalid_request"),
    ):
        refused = await shop.client.post(path, json=new | changes, headers=shop.staff)
        assert (refused.status_code, refused.json()["code"]) == (status, code), changes
    for method, sent in (("PATCH", {"seats": 3}), ("DELETE", None)):
        refused = await shop.client.request(method, f"{path}/{table.id}", json=sent, headers=shop.staff)
        assert refused.json()["code"] == "table_occupied"
    assert (await shop.do("PATCH", f"{path}/{table.id}", json={"name": "Window"}))["name"] == "Window"
    spare = await shop.do("POST", path, json=new)
    changed = await shop.do("PATCH", f"{path}/{spare['id']}", json={"seats": 3})
    assert len(changed["regions"]) == 3
    await shop.do("DELETE", f"{path}/{spare['id']}")
    assert [each["name"] for each in (await shop.do("GET", path))["items"]] == ["Window"]
    assert (await shop.do("POST", path, json=new))["device_id"] == device_id


async def test_a_screen_serves_its_own_table_alone(shop: Shop) -> None:
    table = await Table.set_up(shop)
    loose, headers = await shop.add_device("table")
    for path in ("/party", "/menu"):
        answer = await shop.client.get(f"{table.path}{path}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "device_of_other_store")
        answer = await shop.client.get(f"/v1/tables/{loose}{path}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "table_not_found")
        answer = await shop.client.get(f"/v1/tables/{shop.kiosk_id}{path}", headers=shop.kiosk)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def test_staff_put_right_who_sits_where(shop: Shop) -> None:
    table = await Table.set_up(shop)
    member, other = await shop.add_member(0), await shop.add_member(3)
    party = await table.seat(0, 3, -1)
    path = f"/v1/stores/{shop.store_id}/parties/{party['id']}"
    first, second, guest = (each["id"] for each in party["covers"])
    for cover, body, code in (
        (guest, {"seat": 1}, "seat_taken"),
        (guest, {"member_id": member}, "seat_taken"),
        (guest, {"seat": 9}, "no_such_seat"),
        (guest, {"member_id": str(uuid4())}, "member_not_found"),
        (str(uuid4()), {"seat": 4}, "cover_not_found"),
    ):
        refused = await shop.client.patch(f"{path}/covers/{cover}", json=body, headers=shop.staff)
        assert refused.json()["code"] == code
    await shop.do("PATCH", f"{path}/covers/{second}", json={"member_id": None})
    await shop.do("PATCH", f"{path}/covers/{guest}", json={"member_id": other, "seat": 4})
    assert (await shop.do("PATCH", path, json={"host_seat": 4}))["host_seat"] == 4
    party = await shop.do("DELETE", f"{path}/covers/{second}")
    assert seats_of(party) == {1: member, 4: other}
    assert first in {each["id"] for each in party["covers"]}


@given(st.integers(1, 20), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_equal_slices_leave_nobody_out(seats: int, x: float, y: float) -> None:
    seat = seat_at(x, y, slices(seats))
    assert seat is not None
    assert abs((seat - 0.5) / seats - x) <= 0.5 / seats + 1e-9


@given(st.lists(st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)), max_size=6), st.floats(0, 1), st.floats(0, 1))
def test_a_seat_is_one_whose_region_holds_the_face_and_the_nearest_of_these(
    corners: Sequence[tuple[float, float]], x: float, y: float
) -> None:
    regions = [Region(left=left, top=top, width=0.1, height=0.1) for left, top in corners]
    holding = [each for each in regions if each.holds(x, y)]
    seat = seat_at(x, y, regions)
    assert (seat is None) == (not holding)
    if seat is not None:
        assert regions[seat - 1] in holding
        assert all(regions[seat - 1].apart(x, y) <= each.apart(x, y) for each in holding)
