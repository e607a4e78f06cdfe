from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import simplejpeg
from benchmarks.camera_scenes import scene
from sqlalchemy.exc import OperationalError

from facepay.kernel.database import Database
from facepay.nightwatch.patrol import watch_devices
from facepay.vision.frames import Image
from tests.conftest import Clock, OpenApp, client_of
from tests.nightwatch.watch import set_rules
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
WIDTH, HEIGHT = 320, 240
TAPE = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


@dataclass
class Camera:
    """On a wall of the shop, before a photograph."""

    shop: Shop
    clock: Clock
    id: str
    headers: dict[str, str]
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(3))

    @classmethod
    async def put_up(cls, shop: Shop, clock: Clock, role: str = "camera") -> Camera:
        return cls(shop, clock, *await shop.add_device(role))

    def sight(self, *, turned_px: int = 0) -> Image:
        picture = cv2.resize(scene("motorcycle_left.png"), (2 * WIDTH, 2 * HEIGHT))
        return picture[100 : 100 + HEIGHT, 100 + turned_px : 100 + turned_px + WIDTH].astype(np.uint8)

    async def post(self, frame: bytes, *, to: str = "", headers: dict[str, str] | None = None) -> httpx.Response:
        sent = (headers or self.headers) | {"Content-Type": "image/jpeg"}
        return await self.shop.client.post(f"/v1/cameras/{to or self.id}/frames", content=frame, headers=sent)

    async def show(self, view: Image, *, seconds: int) -> dict[str, Any]:
        """One frame a second, each with noise of its own; the last answer."""
        for _ in range(seconds):
            self.clock.ahead += timedelta(seconds=1)
            noisy = np.clip(view + self.random.normal(0, 2, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8)
            answer = await self.post(simplejpeg.encode_jpeg(noisy, 85, "BGR"))
            assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def state(self) -> dict[str, Any]:
        cameras = (await self.shop.do("GET", f"/v1/stores/{self.shop.store_id}/cameras"))["items"]
        return next(each for each in cameras if each["device_id"] == self.id)

    async def alerts(self, **query: Any) -> list[dict[str, Any]]:
        found = await self.shop.do("GET", f"/v1/stores/{self.shop.store_id}/alerts", params=query)
        return [alert for alert in found["items"] if alert["device_id"] == self.id]


async def test_what_moves_is_noted_and_a_covered_camera_alerted_of_until_it_is_uncovered_or_staff_have_looked(
    shop: Shop, clock: Clock
) -> None:
    camera = await Camera.put_up(shop, clock, role="gate")
    assert (await camera.show(camera.sight(), seconds=2))["learning"]
    assert await camera.show(camera.sight(), seconds=10) == {"motion": False, "faults": [], "learning": False}
    assert (await camera.state())["last_motion_at"] is None
    passing = camera.sight()
    passing[80:, 100:180] = (90, 120, 200)
    assert (await camera.show(passing, seconds=1))["motion"]
    state = await camera.state()
    assert state["last_motion_at"] == state["last_frame_at"]

    assert (await camera.show(TAPE, seconds=5))["faults"] == ["covered"]
    (alert,) = await camera.alerts(open=True)
    assert (alert["kind"], alert["severity"], alert["times"]) == ("camera_covered", "critical", 1)
    assert list((await camera.state())["faults"]) == ["covered"]
    assert (await camera.show(camera.sight(), seconds=7))["faults"] == []
    (alert,) = await camera.alerts()
    assert alert["resolved_by"] == "camera"
    assert (await camera.state())["faults"] == {}

    await camera.show(TAPE, seconds=5)
    (alert,) = await camera.alerts(open=True)
    await shop.do("POST", f"/v1/alerts/{alert['id']}/resolution", json={"note": "Cleaning"})
    await camera.show(TAPE, seconds=3)
    await camera.show(camera.sight(), seconds=7)
    alert, _ = await camera.alerts()  # not alerted of the same again
    assert (alert["note"], alert["times"]) == ("Cleaning", 1)


async def test_a_turned_camera_is_known_after_a_restart_until_staff_accept_its_view(
    shop: Shop, clock: Clock, open_app: OpenApp
) -> None:
    camera = await Camera.put_up(shop, clock)
    await camera.show(camera.sight(), seconds=10)
    async with client_of(await open_app()) as client:  # another process, on the same database
        camera.shop = await shop.reached_by(client)
        assert (await camera.show(camera.sight(turned_px=60), seconds=13))["faults"] == ["moved"]
        accepted = await camera.shop.do("POST", f"/v1/cameras/{camera.id}/view")
        assert (accepted["faults"], accepted["learning"], accepted["view"]) == ({}, True, 2)
        (alert,) = await camera.alerts()
        assert alert["kind"] == "camera_moved"
        assert alert["resolved_by"].startswith("staff:")
    camera.shop = shop  # the first process hears of it too
    seen = await camera.show(camera.sight(turned_px=60), seconds=13)
    assert (seen["faults"], seen["learning"]) == ([], False)


async def test_what_is_no_frame_of_this_camera_is_refused(shop: Shop, clock: Clock) -> None:
    camera = await Camera.put_up(shop, clock)
    frame = simplejpeg.encode_jpeg(camera.sight(), 85, "BGR")
    assert (await camera.post(frame, to=shop.gate_id)).json()["code"] == "device_of_other_store"
    _, monitor = await shop.add_device("monitor")
    assert (await camera.post(frame, headers=monitor)).json()["code"] == "insufficient_scope"
    assert (await camera.post(frame[:200])).json()["code"] == "corrupt_image"
    unknown = await shop.client.post(f"/v1/cameras/{camera.id}/view", headers=shop.staff)
    assert unknown.json()["code"] == "camera_unknown"


async def test_a_fault_is_alerted_of_though_the_database_was_away_when_it_was_said(
    shop: Shop, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = await Camera.put_up(shop, clock)
    await camera.show(camera.sight(), seconds=10)
    answered = []
    with monkeypatch.context() as away:

        async def gone(*_: Any, **__: Any) -> None:
            raise OperationalError("insert", {}, OSError("the database is away"))

        away.setattr("facepay.nightwatch.cameras._note", gone)
        for _ in range(6):
            clock.ahead += timedelta(seconds=1)
            noisy = np.clip(TAPE + camera.random.normal(0, 2, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8)
            answered.append((await camera.post(simplejpeg.encode_jpeg(noisy, 85, "BGR"))).status_code)
    assert set(answered) == {503}
    assert (await camera.show(TAPE, seconds=1))["faults"] == ["covered"]
    assert [alert["kind"] for alert in await camera.alerts(open=True)] == ["camera_covered"]


async def test_a_camera_that_shows_nothing_any_more_is_silent_though_its_heart_beats(
    shop: Shop, database: Database, clock: Clock
) -> None:
    camera = await Camera.put_up(shop, clock)
    await set_rules(shop, silent_after_seconds=60)
    await camera.show(camera.sight(), seconds=1)
    clock.ahead += timedelta(seconds=61)
    beat = await shop.client.post(
        f"/v1/devices/{camera.id}/heartbeats", json={"sent_at": clock().isoformat()}, headers=camera.headers
    )
    assert beat.status_code == 200
    await watch_devices(database, now=clock())
    assert [alert["kind"] for alert in await camera.alerts(open=True)] == ["device_silent"]
    seen_by_guards = await shop.do("GET", f"/v1/stores/{shop.store_id}/guard")
    assert camera.id in json.dumps(seen_by_guards["silent"])
    await camera.show(camera.sight(), seconds=1)
    await watch_devices(database, now=clock())
    assert await camera.alerts(open=True) == []
