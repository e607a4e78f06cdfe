"""Hints before the camera at which a member enrols."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.identity.test_faces_over_http import codes
from tests.photos import people
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]


def jpeg_of(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def picture(jpeg: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    read = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert read is not None
    return np.asarray(read, np.uint8)


async def test_a_frame_is_judged_and_not_kept(shop: Shop) -> None:
    member_id = await shop.add_member(3, enrol=False)
    face = picture(people()[3])
    small = np.full_like(face, 128)
    height, width = face.shape[0] // 6, face.shape[1] // 6
    small[:height, :width] = cv2.resize(face, (width, height), interpolation=cv2.INTER_AREA)
    frames = {
        "good": (people()[3], []),
        "nobody": (jpeg_of(np.full_like(face, 128)), ["no_face"]),
        "two": (jpeg_of(np.hstack([face, face])), ["only_one_person"]),
        "dark": (jpeg_of((face * 0.12).astype(np.uint8)), ["more_light"]),
    }
    headers = shop.staff | {"Content-Type": "image/jpeg"}
    for name, (frame, advice) in frames.items():
        answer = await shop.client.post(f"/v1/members/{member_id}/face/check", content=frame, headers=headers)
        assert answer.status_code == 200, (name, answer.text)
        assert (answer.json()["good"], answer.json()["advice"][:1]) == (not advice, advice), name
    far = await shop.client.post(f"/v1/members/{member_id}/face/check", content=jpeg_of(small), headers=headers)
    assert far.json()["advice"][0] == "come_closer"
    assert codes(await shop.client.get(f"/v1/members/{member_id}/face", headers=shop.staff)) == (
        404,
        "face_not_enrolled",
    )
    assert not (await shop.do("GET", f"/v1/members/{member_id}/biometric-uses"))["items"]


async def test_without_consent_no_frame_is_looked_at(shop: Shop) -> None:
    member_id = await shop.add_member_without_face()
    headers = shop.staff | {"Content-Type": "image/jpeg"}
    answer = await shop.client.post(f"/v1/members/{member_id}/face/check", content=b"no picture", headers=headers)
    assert codes(answer) == (403, "consent_required")
