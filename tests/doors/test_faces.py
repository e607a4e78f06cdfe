"""A face at a door: searched for among everybody, or compared with whoever was named before."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.access.site import Site, told
from tests.photos import stranger

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
FACE = {"factors": [["face"]]}


def empty_frame() -> bytes:
    return cv2.imencode(".jpg", np.full((480, 640, 3), 90, np.uint8))[1].tobytes()


async def test_a_face_opens_alone_and_a_strangers_or_anothers_does_not(site: Site) -> None:
    zone = await site.zone()
    way = await site.way(await site.policy(FACE), zone)
    member = await site.shop.add_member(0)
    other = await site.shop.add_member(1)
    holder = await site.holder(member_id=member)
    answer = await way.face(await way.open(), 0)
    assert (answer["decision"], await site.where(holder)) == ("granted", zone)
    assert "similarity" not in str(answer)
    (event,) = await site.logged()
    (person,) = await site.persons(event)
    assert person.details is not None
    assert person.details["factors"]["face"]["similarity"] > 0.5
    uses = (await site.shop.do("GET", f"/v1/members/{member}/biometric-uses"))["items"]
    assert (uses[0]["use"], uses[0]["actor"]) == ("recognised", f"device:{way.device_id}")

    nobody, no_holder = await way.face(await way.open(), stranger()), await way.face(await way.open(), 1)
    assert told(nobody) == told(no_holder)
    assert nobody["code"] == "not_accepted"
    assert [each.code for each in (await site.logged())[:2]] == ["no_holder", "unknown_face"]
    attempt = await way.open()
    again = await way.face(attempt, empty_frame())
    assert (again["decision"], again["code"], again["next"]) == ("more", "no_face", [["face"]])
    assert (await way.face(attempt, 0))["decision"] == "granted", "a poor frame takes nothing away"

    # After a badge it is compared with its holder alone.
    way = await site.way(await site.policy({"factors": [["badge", "face"]]}), zone)
    badge, _ = await site.badge(holder), await site.holder(member_id=other)
    attempt = await way.badge(await way.open(), badge)
    assert (await way.face(attempt, 0))["decision"] == "granted"
    first = await way.face(await way.open(), 0)
    assert first["next"] == [["badge"]]
    assert (await way.badge(first, badge))["decision"] == "granted", "in whatever order"
    for face, code in ((1, "other_holder"), (stranger(), "unknown_face")):
        attempt = await way.badge(await way.open(), badge)
        assert (await way.face(attempt, face))["code"] == "not_accepted"
        assert (await site.logged())[0].code == code
    (person,) = await site.persons((await site.logged())[0])
    assert person.details is not None
    compared = person.details["factors"]["face"]
    assert compared["similarity"] < compared["threshold"], "the log says how little the face was the badge's"
    uses = (await site.shop.do("GET", f"/v1/members/{member}/biometric-uses"))["items"]
    assert [each["use"] for each in uses][:2] == ["recognised", "verified"]


async def test_a_policy_may_want_more_of_a_face_than_its_door_and_more_than_it_wanted_before(site: Site) -> None:
    policy = await site.policy(FACE | {"liveness": ["challenge"]})
    way = await site.way(policy, await site.zone())
    badge = await site.badge(await site.holder(member_id=await site.shop.add_member(0)))
    attempt = await way.open()
    assert attempt["liveness"] == ["challenge"]
    answer = await way.face(attempt, 0)
    assert (answer["decision"], answer["code"]) == ("denied", "challenge_required")
    assert answer["message"] == answer["feedback"][0]["message"]
    asked = await site.shop.client.post(f"/v1/doors/{way.device_id}/challenges", headers=way.token)
    assert asked.status_code == 201

    face_and_badge = {"factors": [["face", "badge"]]}
    await site.change_policy(policy, face_and_badge)
    attempt = await way.face(await way.open(), 0)
    await site.change_policy(policy, face_and_badge | {"liveness": ["replay"]})
    assert (await way.badge(attempt, badge))["code"] == "not_accepted"
    assert (await site.logged())[0].code == "liveness_missing"
    assert (await way.badge(await way.face(await way.open(), 0), badge))["decision"] == "granted"
