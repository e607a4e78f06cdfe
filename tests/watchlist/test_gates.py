"""Banned people at a gate: staff are asked, and nobody learns more than to wait."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from facepay.identity.enrolment import EnrolmentPolicy
from facepay.identity.policy import policy_for
from facepay.kernel.clock import utc_now
from facepay.settings import Settings
from facepay.templates.protection import Floats
from facepay.vision.engine import Engine
from facepay.vision.evidence import FrameEvidence
from facepay.vision.quality import ENROLMENT
from facepay.watchlist.bans import Reason
from facepay.watchlist.proposals import Proposal, approve, propose
from tests.conftest import Clock, OpenShop
from tests.entrance.doors import show, start
from tests.photos import camera_frame, people, stranger
from tests.shop import Shop
from tests.watchlist.desk import WHY, Desk

pytestmark = [pytest.mark.anyio, pytest.mark.reopened(watchlist=True)]


@pytest.fixture
async def desk(shop: Shop) -> Desk:
    return await Desk.open(shop)


async def test_staff_are_asked_and_whoever_they_admit_comes_in_when_seen_again(desk: Desk) -> None:
    shop = desk.shop
    await shop.add_member(0)
    await shop.add_member(1)
    ban_id = await desk.ban(0)
    stopped = (await shop.at_gate(0)).json()
    assert (stopped["decision"], stopped["code"]) == ("deny", "please_wait")
    assert 1 <= stopped["retry_after"] <= 60
    assert stopped["member"] is None
    assert "ban" not in str(stopped["feedback"]).lower()
    again = (await shop.at_gate(0)).json()
    assert again["code"] == "please_wait"
    assert (await shop.at_gate(1)).json()["code"] == "welcome"
    (hit,) = await desk.waiting()
    assert (hit["ban_id"], hit["answer"]) == (ban_id, None)
    assert hit["similarity"] >= hit["threshold"]
    assert hit["basis"].startswith("watchlist:0.0001 ")
    (alert,) = await desk.alerts()
    assert (alert["kind"], alert["severity"]) == ("watchlist_hit", "critical")
    assert (alert["evidence_kind"], alert["evidence_id"]) == ("watchlist_hit", hit["id"])
    assert ban_id not in str(alert["details"])
    assert (await desk.answer(hit["id"], "admit")).json()["answer"] == "admit"
    assert (await shop.at_gate(0)).json()["code"] == "welcome"
    assert (await desk.alerts())[0]["resolved_at"] is not None
    assert (await desk.answer(hit["id"], "refuse")).json()["code"] == "hit_answered"
    assert (await shop.at_gate(0, "exits")).json()["code"] == "goodbye"  # it is about coming in


async def test_refused_or_unanswered_they_stay_outside_until_the_answer_no_longer_counts(
    desk: Desk, clock: Clock
) -> None:
    shop = desk.shop
    await desk.ban(stranger())
    assert (await shop.at_gate(stranger())).json()["code"] == "please_wait"
    (hit,) = await desk.waiting()
    await desk.answer(hit["id"], "refuse")
    refused = (await shop.at_gate(stranger())).json()
    assert (refused["decision"], refused["code"], refused["retry_after"]) == ("deny", "please_ask_staff", None)
    clock.ahead += timedelta(minutes=6)
    assert (await shop.at_gate(stranger())).json()["code"] == "please_wait"
    clock.ahead += timedelta(seconds=61)
    assert await desk.waiting() == []
    assert (await shop.at_gate(stranger())).json()["code"] == "please_ask_staff"
    newest, _ = (await shop.do("GET", f"/v1/stores/{shop.store_id}/watchlist-hits", params=WHY))["items"]
    assert (newest["answer"], newest["answered_by"]) == ("refuse", "nobody")
    late = await desk.answer(newest["id"], "admit")
    assert (late.status_code, late.json()["answer"]) == (409, "refuse")


async def test_of_two_guards_who_answer_at_once_the_first_says_what_holds(desk: Desk) -> None:
    await desk.ban(0)
    await desk.shop.at_gate(0)
    (hit,) = await desk.waiting()
    given = await asyncio.gather(desk.answer(hit["id"], "admit"), desk.answer(hit["id"], "refuse"))
    first, second = sorted(given, key=lambda each: each.status_code)
    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["answer"] == first.json()["answer"]
    code = {"admit": "unknown_face", "refuse": "please_ask_staff"}[first.json()["answer"]]
    assert (await desk.shop.at_gate(0)).json()["code"] == code


async def test_a_turn_waits_for_the_answer_and_the_next_frame_decides(desk: Desk, clock: Clock) -> None:
    shop = desk.shop
    member_id = await shop.add_member(0)
    await desk.ban(0)
    turn = (await start(shop)).json()
    waits = await show(shop, turn, 0)
    assert (waits["authentication"], waits["decision"], waits["code"]) == ("processing", "wait", "please_wait")
    assert waits["feedback"][0]["message"].startswith("One moment")
    clock.ahead += timedelta(seconds=40)  # longer than a turn lasts, and nobody looks into the camera
    assert (await show(shop, turn, camera_frame([])))["authentication"] == "processing"
    shown = (await shop.issue_pass(member_id))["pass"]
    path = f"/v1/gates/{shop.gate_id}/turns/{turn['turn_id']}/pass"
    by_pass = (await shop.client.post(path, json={"pass": shown}, headers=shop.gate)).json()
    assert (by_pass["authentication"], by_pass["code"]) == ("processing", "please_wait")
    (hit,) = await desk.waiting()
    await desk.answer(hit["id"], "admit")
    let_in = await show(shop, turn, 0)
    assert (let_in["authentication"], let_in["code"]) == ("accepted", "welcome")
    again = (await start(shop, "trip-2")).json()
    clock.ahead += timedelta(minutes=6)
    again = (await start(shop, "trip-3")).json()
    assert (await show(shop, again, 0))["code"] == "please_wait"
    (hit,) = await desk.waiting()
    await desk.answer(hit["id"], "refuse")
    refused = await show(shop, again, 0)
    assert (refused["authentication"], refused["code"]) == ("denied", "please_ask_staff")


async def test_whoever_waits_for_staff_keeps_nobody_else_from_the_gate(desk: Desk) -> None:
    shop = desk.shop
    await shop.add_member(1)
    await desk.ban(0)
    turn = (await start(shop)).json()
    assert (await show(shop, turn, 0))["code"] == "please_wait"
    assert (await shop.at_gate(1, "exits")).json()["code"] == "not_inside"
    other = await start(shop, "trip-2", direction="exit")
    assert (await show(shop, other.json(), 1))["code"] == "not_inside"
    over = await show(shop, turn, 0)
    assert (over["authentication"], over["code"]) == ("denied", "gave_way")
    again = (await start(shop, "trip-3")).json()
    assert (await show(shop, again, 0))["code"] == "please_wait"
    assert len(await desk.waiting()) == 1, "staff are asked once"


async def test_an_answer_lets_in_whom_staff_saw_and_nobody_else(desk: Desk, engine: Engine) -> None:
    """One ban that two faces look like, as it were of their child."""
    shop = desk.shop
    await shop.add_member(0)
    seen = engine.analyse(people()[2], points=True)
    child = _embedding(engine.analyse(people()[0])) + _embedding(engine.analyse(people()[1]))
    await _ban_face(desk, seen, child / np.linalg.norm(child))
    assert (await shop.at_gate(0)).json()["code"] == "please_wait"
    (hit,) = await desk.waiting()
    await desk.answer(hit["id"], "admit")
    assert (await shop.at_gate(1)).json()["code"] == "please_wait"
    assert len(await desk.waiting()) == 1


async def test_somebody_beside_a_member_is_looked_for_too(desk: Desk) -> None:
    await desk.shop.add_member(0)
    await desk.ban(1)
    both = camera_frame([people()[0], people()[1]])
    assert (await desk.shop.at_gate(both)).json()["code"] == "please_wait"
    (hit,) = await desk.waiting()
    frame = await desk.look(f"hits/{hit['id']}/frame")
    assert (frame.status_code, frame.headers["content-type"]) == (200, "image/jpeg")


async def test_many_frames_of_one_person_are_one_hit_at_two_gates_at_once(desk: Desk) -> None:
    shop = desk.shop
    await desk.ban(0)
    other = replace(shop)
    other.gate_id, other.gate = await shop.add_device("gate")
    codes = [each.json()["code"] for each in await asyncio.gather(*(each.at_gate(0) for each in [shop, other] * 4))]
    assert codes == ["please_wait"] * 8
    assert len(await desk.waiting()) == len(await desk.alerts()) == 1


async def test_a_ban_of_one_store_stops_nobody_in_another_and_one_may_refuse_at_once_and_tell_staff(desk: Desk) -> None:
    shop = desk.shop
    body = {"name": "East", "code": "EAST"}
    east = (await shop.do("POST", "/v1/stores", json=body))["id"]
    here = await desk.ban(0, store_id=east)
    assert (await shop.at_gate(0)).json()["code"] == "unknown_face"
    await desk.say(here, "lifting", by=desk.second)
    everywhere = await desk.ban(0, store_id=east, everywhere=True)
    assert (await shop.at_gate(0)).json()["code"] == "please_wait"
    await desk.say(everywhere, "lifting", by=desk.second)
    already = {each["id"] for each in await desk.alerts()}
    await desk.ban(0, on_hit="refuse")
    assert (await shop.at_gate(0)).json()["code"] == "please_ask_staff"
    assert await desk.waiting() == []
    (alert,) = [each for each in await desk.alerts() if each["id"] not in already]
    assert alert["kind"] == "watchlist_refused"


async def test_a_member_who_merely_looks_like_somebody_banned_is_not_stopped(desk: Desk, engine: Engine) -> None:
    """And enrolling is no way round a ban: whoever is the banned person themselves is."""
    shop = desk.shop
    await shop.add_member(0)
    seen = engine.analyse(people()[0], points=True)
    await _ban_face(desk, seen, _at(_embedding(seen), 0.45))
    assert (await shop.at_gate(0)).json()["code"] == "welcome"
    await _ban_face(desk, seen, _at(_embedding(seen), 0.60))
    assert (await shop.at_gate(0)).json()["code"] == "please_wait"


async def test_where_there_is_no_watchlist_nobody_is_banned(open_shop: OpenShop) -> None:
    shop = await open_shop()
    desk = Desk(shop, shop.staff, {}, {})
    refused = await desk.propose(0)
    assert (refused.status_code, refused.json()["code"]) == (409, "watchlist_off")


async def _ban_face(desk: Desk, seen: FrameEvidence, embedding: Floats) -> None:
    """Somebody with this face, whom no photo shows."""
    state, now = desk.shop.app.state, utc_now()
    face = replace(seen.faces[0], embedding=embedding)
    first, second = await _staff_ids(desk)
    policy = EnrolmentPolicy(ENROLMENT, policy_for("gate", Settings(_env_file=None)), state.recogniser.calibration)
    async with state.database.begin() as session:
        ban = await propose(
            session,
            proposal=Proposal(desk.shop.store_id, False, None, Reason.THEFT, "Unpaid goods", "ask", 90, 30),  # type: ignore[arg-type]
            evidences=[replace(seen, faces=(face,))],
            photos=[people()[0]],
            protection=state.watchlist_protection,
            policy=policy,
            settings=state.settings,
            staff_id=first,
            now=now,
        )
        await approve(session, ban_id=ban.id, staff_id=second, settings=state.settings, now=now)


def _embedding(seen: FrameEvidence) -> Floats:
    embedding = seen.faces[0].embedding
    assert embedding is not None
    return embedding


def _at(embedding: Floats, cosine: float) -> Floats:
    noise = np.random.default_rng(7).standard_normal(len(embedding)).astype(np.float32)
    across = noise - (noise @ embedding) * embedding
    return np.asarray(cosine * embedding + np.sqrt(1 - cosine**2) * across / np.linalg.norm(across), np.float32)


async def _staff_ids(desk: Desk) -> Any:
    staff = (await desk.shop.do("GET", "/v1/staff"))["items"]
    return [next(each["id"] for each in staff if each["username"] == name) for name in ("owner", "second")]
