"""Who stands before a mirror: members as surely as where they pay, everybody else as guests, and nobody afterwards."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from facepay.fitting.looks import MirrorLook
from facepay.fitting.sessions import FittingSession, end_unused
from facepay.identity.watches import watch
from facepay.staff.accounts import StaffAccount
from tests.conftest import Clock
from tests.fitting.cabin import Cabin, hang_up, sku_of
from tests.photos import camera_frame, people, stranger
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def kept(shop: Shop) -> list[FittingSession]:
    async with shop.app.state.database.begin() as session:
        return list(await session.scalars(select(FittingSession).order_by(FittingSession.id)))


async def test_a_member_is_recognised_and_everybody_else_is_a_guest(shop: Shop) -> None:
    cabin, member = await Cabin.set_up(shop), await shop.add_member(0)
    key = uuid4().hex
    answer = await cabin.look(0, key=key)
    told = answer.json()
    assert (told["decision"], told["code"], told["member"]["id"]) == ("member", "welcome", member)
    again = await cabin.look(0, key=key)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (told | {"timings_ms": {}}, "true")
    assert (await cabin.look(1, key=key)).json()["code"] == "idempotency_key_reused"
    session = await cabin.do("GET", f"/sessions/{told['session_id']}")
    assert (session["member"]["id"], session["profiled"], session["requests"]) == (member, False, [])
    guest = (await cabin.look(stranger())).json()
    assert (guest["decision"], guest["code"], guest["member"]) == ("guest", "unknown_face", None)
    gone = await cabin.send("GET", f"/sessions/{told['session_id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "fitting_session_not_found")
    card = f"/v1/devices/{cabin.device_id}/members/{member}/card"
    assert (await shop.client.get(card, headers=cabin.headers)).is_success
    async with shop.app.state.database.begin() as db:
        looks = [(each.member_id, each.similarity) for each in await db.scalars(select(MirrorLook))]
    assert (None, None) in looks

    path, other = f"/sessions/{guest['session_id']}", await Cabin.set_up(shop)
    assert (await other.send("GET", path)).status_code == 404, "a mirror is nobody else's"
    path = f"/v1/mirrors/{cabin.device_id}{path}"
    assert (await shop.client.get(path, headers=other.headers)).json()["code"] == "device_of_other_store"
    assert (await shop.client.get(path, headers=shop.kiosk)).json()["code"] == "insufficient_scope"
    assert (await shop.client.get(path)).status_code == 401

    path = await cabin.stand(0)
    await cabin.do("PUT", f"{path}/sizes", json={"sizes": {"top": "M"}})
    await shop.do("DELETE", f"/v1/members/{member}")
    left = await cabin.do("GET", path)
    assert (left["member"], left["appearance"], left["sizes"]) == (None, None, {}), "who was erased has gone"


async def test_colours_are_read_and_end_with_the_session(shop: Shop) -> None:
    cabin, _ = await Cabin.set_up(shop), await shop.add_member(0)
    found = {}
    for number, portrait in enumerate(people()):
        told = (await cabin.look(portrait)).json()
        found[told["colours"]] = (number, told["session_id"])
        if told["colours"] == "read":
            break
        assert told["colours_message"]
    assert "read" in found, found
    path = f"/sessions/{found['read'][1]}"
    colours = (await cabin.do("GET", path))["appearance"]
    assert colours["skin"]["hex"].startswith("#")
    assert 0.99 <= sum(each["share"] for each in colours["clothes"]) <= 1.01
    palette = await cabin.send("GET", f"{path}/palette.png", params={"width": 540, "height": 675})
    assert palette.content.startswith(b"\x89PNG")
    assert palette.headers["Cache-Control"] == "no-store"
    assert (await cabin.send("GET", f"{path}/palette.png", params={"width": 5})).status_code == 422
    assert (await cabin.send("DELETE", path)).status_code == 204
    assert (await cabin.send("DELETE", path)).status_code == 404
    assert (await cabin.send("GET", f"{path}/palette.png")).status_code == 404
    assert all((each.memory, each.member_id) == (None, None) for each in await kept(shop))


async def test_a_picture_of_nobody_changes_nothing_and_a_pass_opens_a_session_without_colours(shop: Shop) -> None:
    cabin, member = await Cabin.set_up(shop), await shop.add_member(0)
    session = await cabin.stand(0)
    nobody = (await cabin.look(camera_frame([], width=320, height=320))).json()
    assert (nobody["decision"], nobody["session_id"]) == ("nobody", None)
    assert (await cabin.do("GET", session))["member"]["id"] == member
    assert f"/sessions/{(await cabin.look(0)).json()['session_id']}" == session
    other = await shop.add_member_without_face()
    shown = await shop.issue_pass(other)
    told = await cabin.do("POST", "/sessions/pass", json={"pass": shown["pass"]})
    assert (told["decision"], told["identified_by"], told["colours"]) == ("member", "pass", None)
    path = f"/sessions/{told['session_id']}"
    assert (await cabin.send("GET", f"{path}/palette.png")).json()["code"] == "no_colours_read"
    spent = await cabin.do("POST", "/sessions/pass", json={"pass": shown["pass"]})
    assert spent["decision"] == "nobody"
    assert (await cabin.do("GET", path))["member"]["id"] == other


async def test_whose_face_alone_isnt_trusted_is_a_guest_until_they_prove_themselves(shop: Shop) -> None:
    cabin, member = await Cabin.set_up(shop), await shop.add_member(0, pin="739150")
    async with shop.app.state.database.begin() as session:
        staff_id = await session.scalar(select(StaffAccount.id))
        await watch(session, member_id=UUID(member), reason="?", staff_id=staff_id, now=shop.app.state.clock())
    told = (await cabin.look(0)).json()
    assert (told["decision"], told["step_up"]["factor"]) == ("step_up", "pin")
    assert (await cabin.do("GET", f"/sessions/{told['session_id']}"))["member"] is None
    path = f"/looks/{told['look_id']}/step-up"
    wrong = await cabin.do("POST", path, json={"answer": "1111"})
    assert (wrong["decision"], wrong["answers_left"]) == ("step_up", 2)
    right = await cabin.do("POST", path, json={"answer": "739150"})
    assert (right["decision"], right["session_id"]) == ("member", told["session_id"])
    assert (await cabin.do("GET", f"/sessions/{told['session_id']}"))["member"]["id"] == member
    assert (await cabin.look(stranger())).is_success
    late = await cabin.send("POST", path, json={"answer": "739150"})
    assert (late.status_code, late.json()["code"]) == (404, "fitting_session_not_found")


async def test_two_people_at_once_leave_one_session_and_minutes_without_use_end_it(shop: Shop, clock: Clock) -> None:
    cabin = await Cabin.set_up(shop)
    await hang_up(shop, sizes=("M",))
    await shop.add_member(0)
    answers = await asyncio.gather(*(cabin.look(who) for who in (0, stranger(), 0, stranger())))
    assert all(each.is_success for each in answers), [each.text for each in answers]
    assert sum(each.ended_at is None for each in await kept(shop)) == 1
    session = await cabin.stand(0)
    assert (await cabin.ask(session, sku_of("TEE", "RED", "M"))).status_code == 201
    clock.ahead += timedelta(minutes=11)
    assert (await cabin.send("GET", session)).json()["code"] == "fitting_session_not_found"
    state = shop.app.state
    assert await end_unused(state.database, settings=state.settings, now=state.clock()) == 1
    assert all(each.ended_at and not each.memory and not each.member_id for each in await kept(shop))
    assert (await shop.do("GET", f"/v1/stores/{shop.store_id}/fitting-requests", headers=await signed_in(shop)))[
        "items"
    ][0]["state"] == "cancelled"


async def signed_in(shop: Shop) -> dict[str, str]:
    return (await shop.reached_by(shop.client)).staff
