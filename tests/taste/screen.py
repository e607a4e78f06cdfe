"""A screen with a camera to test with, and what people before it look at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

import httpx

from tests.conftest import Clock
from tests.photos import camera_frame, people
from tests.shop import Shop

AHEAD = {"sku": "TEA-001", "yaw_degrees": 0, "pitch_degrees": 5, "tolerance_degrees": 20}
LEFT = {"sku": "UMB-003", "yaw_degrees": -45, "pitch_degrees": 10, "tolerance_degrees": 25}
AGREED = {"policy_version": "2026-01", "accepted": True}


@cache
def standing(*numbers: int) -> bytes:
    """Those of the six people, side by side. 0 looks into the camera, 4 far to the left."""
    return camera_frame([people()[number] for number in numbers])


@dataclass
class Screen:
    shop: Shop
    clock: Callable[[], datetime]
    id: str
    headers: dict[str, str]
    numbers: Any = field(default_factory=lambda: count(1))

    @classmethod
    async def put_up(
        cls, shop: Shop, clock: Callable[[], datetime], *, role: str = "display", view: Sequence[Any] = (AHEAD, LEFT)
    ) -> Screen:
        device_id, headers = await shop.add_device(role)
        if view:
            await shop.do("PUT", f"/v1/devices/{device_id}/view", json={"products": list(view)})
        return cls(shop, clock, device_id, headers)

    async def post(
        self, *frames: bytes, at: datetime | None = None, sequence: int | None = None, **fields: Any
    ) -> httpx.Response:
        """Frames a second apart, the last just taken, unless told otherwise."""
        captured_at = at or self.clock() - timedelta(seconds=len(frames))
        data = {
            "run": "boot-1",
            "sequence": str(sequence or next(self.numbers)),
            "captured_at": captured_at.isoformat(),
            "interval_ms": "1000",
        } | fields
        files = [("frame", ("frame.jpg", frame, "image/jpeg")) for frame in frames]
        return await self.shop.client.post(f"/v1/devices/{self.id}/looks", data=data, files=files, headers=self.headers)

    async def see(self, frame: bytes, *, frames: int = 2, **how: Any) -> Any:
        """Sent again while there are gates and tills to wait for, as a camera does."""
        how["sequence"] = how.get("sequence") or next(self.numbers)
        while (response := await self.post(*[frame] * frames, **how)).status_code == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert response.is_success, response.text
        return response.json()


async def agree(shop: Shop, member: str, clock: Clock) -> Any:
    """A minute ago, so that whatever is seen from now on is seen after it."""
    consent = await shop.do("PUT", f"/v1/members/{member}/profiling-consent", json=AGREED)
    clock.ahead += timedelta(minutes=1)
    return consent


async def taste(shop: Shop, member: str) -> dict[str, Any]:
    """By sku."""
    items = (await shop.do("GET", f"/v1/members/{member}/taste"))["items"]
    return {each["sku"]: each for each in items}
