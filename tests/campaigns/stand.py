"""A campaign's stand in the shop, and people who smile at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4

import cv2
import numpy as np
import simplejpeg

from facepay.vision.engine import Engine
from facepay.vision.evidence import Floats
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.heads import View, sheet, turned, with_expression
from tests.photos import people
from tests.shop import Shop

# Of the six people two whose portrait shows them at rest.
CALM = (0, 1)
# How far the portrait's mouth is drawn, frame by frame.
REST, FAINT, SMILE, LAUGH = (0.0, 0.0, 0.0), (0.0, 0.1, 0.2), (0.0, 0.3, 0.5), (0.0, 0.5, 1.0)
CAMPAIGN: dict[str, Any] = {
    "name": "Smile week",
    "ends_at": "2999-01-01T00:00:00Z",
    "budget": 100_000,
    "steps": [
        {"strength_min": 0.4, "basis_points": 1000, "amount_max": 500},
        {"strength_min": 0.7, "basis_points": 2000, "amount_max": 1000},
    ],
}
ONE_YUAN: dict[str, Any] = {"steps": [{"strength_min": 0.4, "amount": 100}]}


@dataclass(frozen=True)
class Stand:
    """A display with a camera. `faces` are the members by the number of their portrait."""

    shop: Shop
    engine: Engine
    id: str
    headers: dict[str, str]

    @classmethod
    async def put_up(cls, shop: Shop, engine: Engine) -> Stand:
        device_id, headers = await shop.add_device("display")
        return cls(shop, engine, device_id, headers)

    @property
    def at_the_kiosk(self) -> Stand:
        """The same smiles at the shop's kiosk."""
        return Stand(self.shop, self.engine, self.shop.kiosk_id, self.shop.kiosk)

    def burst(self, who: int, drawn: Sequence[float]) -> list[bytes]:
        return [smiling(self.engine, who, smile) for smile in drawn]

    async def post(self, frames: Sequence[bytes], *, key: str | None = None, **fields: str) -> Any:
        return await self.shop.client.post(
            f"/v1/devices/{self.id}/smiles",
            files=[("frame", ("frame.jpg", frame, "image/jpeg")) for frame in frames],
            data=fields,
            headers=self.headers | {"Idempotency-Key": key or uuid4().hex},
        )

    async def smile(
        self, who: int, drawn: Sequence[float] = LAUGH, *, key: str | None = None, **fields: str
    ) -> dict[str, Any]:
        response = await self.post(self.burst(who, drawn), key=key, **fields)
        assert response.status_code == 200, response.text
        return dict(response.json())


def smiling(engine: Engine, who: int, smile: float) -> bytes:
    """One of the six people, whose mouth is drawn into a smile, from 0 (as in the portrait) to 1."""
    return _drawn(who, smile, _landmarks(engine, who).tobytes())


def print_of(engine: Engine, who: int, view: View) -> bytes:
    """The portrait on paper, held before the camera like that."""
    return jpeg(turned(_portrait(who), _landmarks(engine, who), view, surface=sheet(), step=3))


@cache
def _portrait(who: int) -> Image:
    return cv2.resize(decode_frame(people()[who], limits=FrameLimits()), None, fx=1.5, fy=1.5).astype(np.uint8)


@cache
def _drawn(who: int, smile: float, landmarks: bytes) -> bytes:
    face = np.frombuffer(landmarks, np.float32).reshape(5, 2)
    return jpeg(with_expression(_portrait(who), face, smile=smile) if smile else _portrait(who))


def _landmarks(engine: Engine, who: int) -> Floats:
    return engine.analyse(jpeg(_portrait(who))).faces[0].landmarks


def jpeg(image: Image) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=92, colorspace="BGR"))


async def add_campaign(shop: Shop, **changes: Any) -> str:
    return str((await shop.do("POST", "/v1/campaigns", json=CAMPAIGN | changes))["id"])


async def funds(shop: Shop, campaign_id: str) -> tuple[int, int, int]:
    """What it has given, what it has promised, and what is left."""
    campaign = await shop.do("GET", f"/v1/campaigns/{campaign_id}")
    return campaign["given"], campaign["reserved"], campaign["left"]
