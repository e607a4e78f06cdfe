from __future__ import annotations

import asyncio

import pytest

from tests.conftest import OpenShop
from tests.photos import camera_frame, people, stranger, variant
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_the_gate_opens_for_a_member_once_and_says_how_sure_it_is(shop: Shop) -> None:
    member_id = await shop.add_member(0)
    missed = (await shop.at_gate(0, "exits")).json()
    assert (missed["decision"], missed["code"]) == ("open", "not_inside"), "nobody is locked in"
    first = await shop.at_gate(0, key="entry-0001")
    answer = first.json()
    assert (answer["decision"], answer["code"]) == ("open", "welcome")
    assert answer["member"] == {"id": member_id, "display_name": "Person 0"}
    assert answer["similarity"] > answer["threshold"] > 0.2
    assert answer["visit_id"]
    assert {"decode", "detect", "embed", "search", "decide"} <= answer["timings_ms"].keys()
    retry = await shop.at_gate(0, key="entry-0001")
    assert retry.headers["Idempotency-Replayed"] == "true"
    assert retry.json()["visit_id"] == answer["visit_id"]
    again = (await shop.at_gate(0)).json()
    assert (again["decision"], again["code"]) == ("deny", "already_inside")

    visits = f"/v1/stores/{shop.store_id}/visits"
    inside = await shop.do("GET", visits, params={"inside": True})
    assert [visit["member_id"] for visit in inside["items"]] == [member_id]
    left = (await shop.at_gate(0, "exits")).json()
    assert (left["decision"], left["code"], left["visit_id"]) == ("open", "goodbye", answer["visit_id"])
    assert (await shop.do("GET", visits, params={"inside": True}))["items"] == []
    at_once = await asyncio.gather(*(shop.at_gate(0) for _ in range(4)))
    assert sorted(each.json()["code"] for each in at_once) == ["already_inside"] * 3 + ["welcome"]


async def test_a_stranger_is_refused_and_leaves_only_the_time_and_the_reason(shop: Shop) -> None:
    await shop.add_member(0)
    answer = (await shop.at_gate(stranger())).json()
    assert (answer["decision"], answer["code"]) == ("deny", "unknown_face")
    assert answer["member"] is answer["similarity"] is answer["visit_id"] is None
    dark = (await shop.at_gate(variant(stranger(), brightness=0.15))).json()
    assert (dark["decision"], dark["code"], dark["feedback"][0]["code"]) == ("deny", "low_quality", "more_light")
    empty = await shop.at_gate(camera_frame([]))
    assert empty.status_code == 200, "a frame without a face is a decision, not an error"
    assert (empty.json()["decision"], empty.json()["code"]) == ("deny", "no_face")
    attempts = await shop.do("GET", f"/v1/stores/{shop.store_id}/gate-attempts")
    assert [attempt["code"] for attempt in attempts["items"]] == ["no_face", "low_quality", "unknown_face"]


async def test_of_two_people_the_nearest_is_decided_on_and_a_tailgate_is_suspected(shop: Shop) -> None:
    near = await shop.add_member(0)
    await shop.add_member(2)
    frame = camera_frame([variant(people()[0], scale=1.0), variant(people()[2], scale=0.4)], fill=0.8)
    answer = (await shop.at_gate(frame)).json()
    assert answer["faces"] == 2
    assert answer["tailgate_suspected"]
    assert answer["member"]["id"] in {near, answer["member"]["id"]}


async def test_a_blocked_member_stays_outside_but_is_let_out_and_a_withdrawn_face_is_a_strangers(shop: Shop) -> None:
    member_id = await shop.add_member(0)
    by_pass = await shop.pass_at_gate((await shop.issue_pass(member_id))["pass"])
    assert by_pass.json()["code"] == "welcome", "a member with a face may leave it at home"
    await shop.do("PATCH", f"/v1/members/{member_id}", json={"status": "blocked"})
    out = (await shop.at_gate(0, "exits")).json()
    assert (out["decision"], out["code"], out["identified_by"]) == ("open", "goodbye", "face")
    refused = (await shop.at_gate(0)).json()
    assert (refused["decision"], refused["code"]) == ("deny", "member_blocked")
    await shop.do("DELETE", f"/v1/members/{member_id}/face")
    assert (await shop.at_gate(0)).json()["code"] == "unknown_face", "from the next frame on"


async def test_a_gate_may_not_do_the_work_of_another_device(shop: Shop) -> None:
    other, _ = await shop.add_device("gate")
    response = await shop.client.post(f"/v1/gates/{other}/entries", headers=shop.gate | {"Content-Type": "image/jpeg"})
    assert (response.status_code, response.json()["code"]) == (403, "device_of_other_store")
    response = await shop.client.post(
        f"/v1/gates/{shop.kiosk_id}/entries", headers=shop.kiosk | {"Content-Type": "image/jpeg"}
    )
    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")


async def test_one_frame_too_many_is_refused_at_once(open_shop: OpenShop) -> None:
    shop = await open_shop(inference_workers=1, inference_queue_max=1)
    await shop.add_member(0)
    answers = await asyncio.gather(*(shop.at_gate(0) for _ in range(8)))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert 1 <= len(refused) <= 6
    assert all(answer.json()["code"] == "overloaded" and answer.headers["Retry-After"] for answer in refused)
