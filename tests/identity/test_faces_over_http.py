from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.photos import camera_frame, people, variant
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


def photo(jpeg: bytes) -> tuple[str, tuple[str, bytes, str]]:
    return ("frames", ("face.jpg", jpeg, "image/jpeg"))


async def put_face(shop: Shop, member_id: str, *jpegs: bytes) -> httpx.Response:
    return await shop.client.put(
        f"/v1/members/{member_id}/face", files=[photo(jpeg) for jpeg in jpegs], headers=shop.staff
    )


def codes(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_an_enrolled_face_shows_how_good_its_photos_were_and_nothing_of_the_face(shop: Shop) -> None:
    member_id = await shop.add_member(0, enrol=False)
    put = await put_face(shop, member_id, people()[0], variant(people()[0], quality=60))
    shown: dict[str, Any] = await shop.do("GET", f"/v1/members/{member_id}/face")
    assert put.status_code == 200
    assert put.json() == shown
    assert shown["member_id"] == member_id
    assert shown["pack"].startswith("buffalo_sc@")
    assert shown["templates"] == len(shown["photos"]) == 2
    assert shown["photos"][0]["eye_distance_px"] > 40
    assert not {"sealed", "embedding", "box", "landmarks"} & {*shown, *shown["photos"][0]}


async def test_a_face_that_was_never_enrolled_is_not_found(shop: Shop) -> None:
    member_id = await shop.add_member(0, enrol=False)
    for path, code in ((member_id, "face_not_enrolled"), (uuid4(), "member_not_found")):
        response = await shop.client.get(f"/v1/members/{path}/face", headers=shop.staff)
        assert codes(response) == (404, code)


async def test_refused_photos_say_why(shop: Shop) -> None:
    member_id = await shop.add_member(0, enrol=False)
    for frames, code in (
        ([camera_frame([])], "no_face"),
        ([camera_frame(people()[:3])], "multiple_faces"),
        ([variant(people()[0], scale=0.25)], "low_quality"),
        ([people()[0], people()[1]], "faces_disagree"),
    ):
        assert codes(await put_face(shop, member_id, *frames)) == (422, code)
    assert (await put_face(shop, member_id, *[people()[0]] * 6)).status_code == 400
    assert codes(await shop.client.get(f"/v1/members/{member_id}/face", headers=shop.staff))[0] == 404


async def test_a_withdrawn_face_opens_no_gate_and_without_consent_no_photo_is_even_looked_at(shop: Shop) -> None:
    member_id = await shop.add_member(0)
    for _ in range(2):
        await shop.do("DELETE", f"/v1/members/{member_id}/face")
    assert (await shop.at_gate(0)).json()["code"] == "unknown_face"
    assert codes(await put_face(shop, member_id, b"not a photo")) == (403, "consent_required")


async def test_an_erased_member_is_gone(shop: Shop) -> None:
    member_id = await shop.add_member(0)
    await shop.do("DELETE", f"/v1/members/{member_id}")
    assert (await shop.at_gate(0)).json()["code"] == "unknown_face"
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/face"), ("DELETE", "/face")):
        response = await shop.client.request(method, f"/v1/members/{member_id}{path}", headers=shop.staff)
        assert codes(response) == (404, "member_not_found")
