"""A camera with an engine of its own: it sends what it saw, signed, and is decided on as a frame is."""

from __future__ import annotations

import time
from base64 import b64encode
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facepay.identity.edge import AUDIENCE
from tests.conftest import Clock
from tests.processes import Seen
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
KEY = Ed25519PrivateKey.from_private_bytes(bytes([5] * 32))


class Camera:
    """The gate's own engine, and its key."""

    def __init__(self, shop: Shop, frame: Seen) -> None:
        self.shop, self.frame = shop, frame

    async def register(self, key: Ed25519PrivateKey | None = KEY) -> None:
        public_key = key and b64encode(key.public_key().public_bytes_raw()).decode()
        shown = await self.shop.do("PATCH", f"/v1/devices/{self.shop.gate_id}", json={"public_key": public_key})
        assert shown["public_key"] == public_key

    def sign(
        self, number: int, *, key: Ed25519PrivateKey = KEY, quality: dict[str, Any] | None = None, **other: Any
    ) -> str:
        face = self.frame(number).faces[0]
        assert face.embedding is not None
        claims = {
            "aud": AUDIENCE,
            "iss": self.shop.gate_id,
            "iat": time.time(),
            "jti": uuid4().hex,
            "pack": self.frame(number).pack,
            "embedding": b64encode(face.embedding.astype("<f4").tobytes()).decode(),
            "quality": asdict(face.quality) | (quality or {}),
        }
        return jwt.encode({name: value for name, value in (claims | other).items() if value is not None}, key, "EdDSA")

    async def send(self, signed: str, *, key: str | None = None) -> httpx.Response:
        headers = self.shop.gate | ({"Idempotency-Key": key} if key else {})
        # A form with a file part is multipart to the client; a signed face is a text part.
        parts = {"signed_face": (None, signed)}
        return await self.shop.client.post(f"/v1/gates/{self.shop.gate_id}/entries", files=parts, headers=headers)


@pytest.fixture
async def camera(shop: Shop, frame: Seen) -> Camera:
    camera = Camera(shop, frame)
    await camera.register()
    return camera


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_a_signed_face_opens_the_gate_as_the_frame_does_once_and_its_retry_gets_the_first_answer(
    camera: Camera, shop: Shop
) -> None:
    member_id = await shop.add_member(0)
    signed = camera.sign(0)
    first, retry = [await camera.send(signed, key="entry-1") for _ in range(2)]
    assert code(first) == code(retry) == (200, "welcome")
    assert first.json()["member"]["id"] == member_id
    assert (
        code(await camera.send(signed)) == code(await camera.send(signed, key="entry-2")) == (200, "signed_face_reused")
    )
    assert code(await camera.send(camera.sign(1))) == (200, "unknown_face")


async def test_a_signed_face_goes_stale(camera: Camera, clock: Clock) -> None:
    signed = camera.sign(0)
    for ahead in (31, -31):
        clock.ahead = timedelta(seconds=ahead)
        assert code(await camera.send(signed)) == (200, "signed_face_stale")


async def test_a_poor_signed_face_is_judged_by_the_limits_of_a_frame(camera: Camera) -> None:
    assert code(await camera.send(camera.sign(0, quality={"embedding_norm": 9.0}))) == (200, "low_quality")
    for absurd in (1e300, float("nan")):
        refused = await camera.send(camera.sign(0, quality={"embedding_norm": absurd}))
        assert code(refused) == (422, "signed_face_invalid")


async def test_what_the_device_did_not_sign_is_refused(camera: Camera, shop: Shop) -> None:
    other_gate, _ = await shop.add_device("gate")
    thief = Ed25519PrivateKey.generate()
    header, claims, signature = camera.sign(0).split(".")
    for signed in (
        camera.sign(0, key=thief),
        camera.sign(0, iss=other_gate),
        camera.sign(0, aud="elsewhere"),
        ".".join([header, claims[:-4] + "AAAA", signature]),
        jwt.encode({"iss": shop.gate_id, "aud": AUDIENCE}, "", algorithm="none"),
        "not a signature",
    ):
        assert code(await camera.send(signed)) == (403, "signature_invalid")
    await camera.register(None)
    assert code(await camera.send(camera.sign(0))) == (403, "signature_invalid")


async def test_what_is_no_face_of_our_pack_is_refused(camera: Camera, frame: Seen) -> None:
    face = frame(0).faces[0].embedding
    assert face is not None
    assert code(await camera.send(camera.sign(0, pack="other@00000000"))) == (409, "pack_mismatch")
    for embedding in (face * 2, face[:256] / np.linalg.norm(face[:256]), np.full(512, np.nan, np.float32)):
        text = b64encode(np.asarray(embedding, "<f4").tobytes()).decode()
        assert code(await camera.send(camera.sign(0, embedding=text))) == (422, "signed_face_invalid")
    malformed: tuple[dict[str, Any], ...] = (
        {"embedding": "!"},
        {"jti": "short"},
        {"iat": "now"},
        {"quality": {"sharpness": None}},
        {"quality": {"embedding_norm": float("nan")}},
    )
    for claims in malformed:
        assert code(await camera.send(camera.sign(0, **claims))) == (422, "signed_face_invalid")


async def test_a_device_that_has_to_see_a_person_serves_no_signed_face(camera: Camera, shop: Shop) -> None:
    for check, refusal in (("depth", "depth_required"), ("replay", "replay_unmeasured")):
        await shop.do("PATCH", f"/v1/devices/{shop.gate_id}", json={"presentation_checks": [check]})
        assert code(await camera.send(camera.sign(0))) == (200, refusal)
