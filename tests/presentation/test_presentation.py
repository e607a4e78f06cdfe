"""What a device requires against presentation attacks, over HTTP: the person passes, pictures of them don't."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import cv2
import numpy as np
import pytest
import simplejpeg
from fastapi import FastAPI
from sqlalchemy import func, select

from facepay.app import create_app
from facepay.kernel.cameras import DepthCamera
from facepay.presentation.challenges import Challenge, forget_challenges
from facepay.presentation.replays import SeenFrame, forget_frames
from facepay.vision.engine import Engine, load_engine
from facepay.vision.evidence import Floats
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.heads import HEAD, Surface, View, creased, depth_camera, depth_map, sheet, turned, with_expression
from facepay.vision.liveness.challenge import Action, ChallengePolicy, shown_by
from tests.answers import verdict
from tests.conftest import Clock, client_of, settings_for
from tests.photos import people, stranger, variant
from tests.shop import Shop
from tests.vision.test_passive import write_model

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]

TURNS = {Action.TURN_LEFT: View(yaw=28), Action.TURN_RIGHT: View(yaw=-28), Action.LOOK_UP: View(pitch=-25)}
FACES: dict[Action, dict[str, float]] = {
    Action.SMILE: {"smile": 0.8},
    Action.OPEN_MOUTH: {"open_mouth": 1.3},
    Action.BLINK: {"closed_eyes": 1.2},
}


class Visitor:
    """Somebody before the camera: a portrait on a mean head, the stranger's unless told otherwise."""

    def __init__(self, engine: Engine, photo: bytes | None = None) -> None:
        decoded = decode_frame(photo or stranger(), limits=FrameLimits())
        self.portrait: Image = cv2.resize(decoded, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        self.landmarks: Floats = engine.analyse(self.still()).faces[0].landmarks

    @cache  # noqa: B019 - there is one for the module
    def still(self, *, noise: int = 0) -> bytes:
        """At rest; another `noise` is another moment."""
        grain = np.random.default_rng(noise).normal(0, 2, self.portrait.shape)
        return jpeg(np.clip(self.portrait + grain, 0, 255).astype(np.uint8))

    @cache  # noqa: B019
    def doing(self, action: Action) -> bytes:
        return jpeg(
            turned(self.portrait, self.landmarks, TURNS[action], step=6)
            if action in TURNS
            else with_expression(self.portrait, self.landmarks, **FACES[action])
        )

    @cache  # noqa: B019
    def depth(self, surface: Surface = HEAD, *, nearer: int = 1, size: tuple[int, int] | None = None) -> bytes:
        """What a 3D camera sees; of everything at so much smaller a size, that much nearer."""
        height, width = self.portrait.shape[:2]
        depth = depth_map(self.landmarks, (width, height), View(), surface=surface) // np.uint16(nearer)
        return bytes(cv2.imencode(".png", depth if size is None else cv2.resize(depth, size))[1])

    def camera(self) -> DepthCamera:
        height, width = self.portrait.shape[:2]
        return depth_camera(self.landmarks, (width, height), View())


def jpeg(image: Image) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=92, colorspace="BGR"))


@pytest.fixture(scope="module")
def visitor(engine: Engine) -> Visitor:
    return Visitor(engine)


async def require(shop: Shop, device_id: str, *checks: str) -> None:
    await shop.do("PATCH", f"/v1/devices/{device_id}", json={"presentation_checks": list(checks)})


async def enrol(shop: Shop, visitor: Visitor) -> str:
    member_id = await shop.add_member(0, enrol=False)
    files = [("frames", ("face.jpg", visitor.still(noise=99), "image/jpeg"))]
    await shop.do("PUT", f"/v1/members/{member_id}/face", files=files)
    return member_id


async def send(
    shop: Shop,
    *frames: bytes,
    gate: tuple[str, dict[str, str]] | None = None,
    depth: bytes | None = None,
    challenge_id: str | None = None,
) -> tuple[str | int, str]:
    gate_id, token = gate or (shop.gate_id, shop.gate)
    files = [("frame", ("frame.jpg", frame, "image/jpeg")) for frame in frames]
    files += [("depth", ("depth.png", depth, "image/png"))] if depth else []
    data = {"challenge_id": challenge_id} if challenge_id else {}
    response = await shop.client.post(f"/v1/gates/{gate_id}/entries", files=files, data=data, headers=token)
    return response.json().get("decision", response.status_code), response.json()["code"]


async def challenge(shop: Shop, **where: Any) -> dict[str, Any]:
    path, token = where.get("path", f"/v1/gates/{shop.gate_id}/challenges"), where.get("token", shop.gate)
    response = await shop.client.post(path, headers=token)
    assert response.status_code == 201, response.text
    return dict(response.json())


async def test_a_device_says_what_it_requires_and_staff_change_it(shop: Shop) -> None:
    path = f"/v1/devices/{shop.gate_id}"
    assert (await shop.do("GET", path))["presentation_checks"] == []
    body = {"presentation_checks": ["replay", "challenge", "replay"]}
    assert (await shop.do("PATCH", path, json=body))["presentation_checks"] == ["challenge", "replay"]
    assert (await shop.do("PATCH", path, json={"name": "North"}))["presentation_checks"] == ["challenge", "replay"]
    for wrong in (["mood"], None, "replay", ["depth"] * 5):
        response = await shop.client.patch(path, json={"presentation_checks": wrong}, headers=shop.staff)
        assert verdict(response) == (422, "invalid_request")
    assert (await shop.client.patch(path, json=body, headers=shop.gate)).status_code == 401


async def test_a_challenge_says_in_words_what_to_do_and_belongs_to_its_device(shop: Shop) -> None:
    asked = await challenge(shop)
    assert 2 <= len(asked["steps"]) <= 3
    assert all(Action(step["action"]) and step["words"].endswith(".") for step in asked["steps"])
    at_kiosk = f"/v1/kiosks/{shop.kiosk_id}/challenges"
    assert (await challenge(shop, path=at_kiosk, token=shop.kiosk))["id"] != asked["id"]
    other_id, other = await shop.add_device("gate")
    for path, token, code in [
        (f"/v1/gates/{other_id}/challenges", shop.gate, "device_of_other_store"),
        (at_kiosk, shop.gate, "insufficient_scope"),
    ]:
        assert verdict(await shop.client.post(path, headers=token)) == (403, code)
    await require(shop, other_id, "challenge")
    frames = [camera] * 3 if (camera := variant(people()[0])) else []
    assert await send(shop, *frames, gate=(other_id, other), challenge_id=asked["id"]) == ("deny", "challenge_unknown")


async def test_who_does_what_is_asked_comes_in_once(shop: Shop, visitor: Visitor, clock: Clock) -> None:
    await enrol(shop, visitor)
    await require(shop, shop.gate_id, "challenge")
    assert await send(shop, visitor.still()) == ("deny", "challenge_required")
    asked = await challenge(shop)
    burst = [visitor.still(), *(visitor.doing(Action(step["action"])) for step in asked["steps"])]
    assert await send(shop, *burst, challenge_id=asked["id"]) == ("open", "welcome"), asked["steps"]
    assert await send(shop, *burst, challenge_id=asked["id"]) == ("deny", "challenge_spent")
    late = await challenge(shop)
    clock.ahead = timedelta(seconds=21)
    assert await send(shop, *burst, challenge_id=late["id"]) == ("deny", "challenge_expired")


async def test_a_print_and_a_swapped_face_answer_no_challenge(shop: Shop, visitor: Visitor) -> None:
    await enrol(shop, visitor)
    await require(shop, shop.gate_id, "challenge")
    prints = [
        jpeg(turned(visitor.portrait, visitor.landmarks, view, surface=sheet(), step=6))
        for view in (View(), View(yaw=40), View(yaw=-40), View(pitch=-40))
    ]
    asked = await challenge(shop)
    assert await send(shop, *prints, challenge_id=asked["id"]) == ("deny", "challenge_incomplete")
    asked = await challenge(shop)
    steps = [visitor.doing(Action(step["action"])) for step in asked["steps"]]
    decision, code = await send(shop, people()[0], *steps, challenge_id=asked["id"])
    assert decision == "deny"
    assert code in ("challenge_face_swapped", "faces_disagree")


def test_the_visitor_s_every_action_is_seen(visitor: Visitor, engine: Engine) -> None:
    rest = engine.analyse(visitor.still(), points=True).faces[0]
    for action in Action:
        face = engine.analyse(visitor.doing(action), points=True).faces[0]
        assert shown_by(face, rest, policy=ChallengePolicy()) == action


async def test_two_requests_can_t_spend_one_challenge(shop: Shop, visitor: Visitor) -> None:
    await enrol(shop, visitor)
    await require(shop, shop.gate_id, "challenge")
    asked = await challenge(shop)
    burst = [visitor.still(), *(visitor.doing(Action(step["action"])) for step in asked["steps"])]
    codes = await asyncio.gather(*(send(shop, *burst, challenge_id=asked["id"]) for _ in range(2)))
    assert sorted(codes) == [("deny", "challenge_spent"), ("open", "welcome")]


async def test_depth_tells_a_head_from_a_sheet_of_paper(shop: Shop, visitor: Visitor) -> None:
    await enrol(shop, visitor)
    await require(shop, shop.gate_id, "depth")
    frame = visitor.still()
    assert await send(shop, frame) == ("deny", "depth_required")
    assert await send(shop, frame, depth=visitor.depth(sheet())) == ("deny", "depth_flat")
    assert await send(shop, frame, depth=visitor.depth(sheet(radius=1.0))) == ("deny", "depth_bent")
    assert await send(shop, frame, depth=b"nothing") == (422, "depth_unreadable")
    assert await send(shop, frame, depth=visitor.depth()) == ("open", "welcome")


async def test_a_counter_with_a_3d_camera_charges_a_face_and_no_picture_of_one(shop: Shop, visitor: Visitor) -> None:
    member_id = await enrol(shop, visitor)
    await shop.top_up(member_id, 5_000)
    await shop.do(
        "POST", "/v1/products", json={"sku": "TEA", "name": "Tea", "price": 1_200, "tax_rate_basis_points": 600}
    )
    camera = asdict(visitor.camera())
    await require(shop, shop.kiosk_id, "depth")
    device = await shop.do("PATCH", f"/v1/devices/{shop.kiosk_id}", json={"camera": camera})
    assert device["camera"] == camera

    async def pay(depth: bytes | None) -> tuple[int, str, str]:
        files = [("frame", ("frame.jpg", visitor.still(), "image/jpeg"))]
        files += [("depth", ("depth.png", depth, "image/png"))] if depth else []
        response = await shop.client.post(
            f"/v1/kiosks/{shop.kiosk_id}/checkouts",
            files=files,
            data={"basket": '{"lines": [{"sku": "TEA", "quantity": 1}]}'},
            headers=shop.kiosk | {"Idempotency-Key": uuid4().hex},
        )
        answer = response.json()
        return response.status_code, answer.get("decision", ""), answer["code"]

    declined = {
        None: "depth_required",
        visitor.depth(sheet()): "depth_flat",
        visitor.depth(sheet(radius=1.0)): "depth_bent",
        visitor.depth(creased(40)): "depth_bent",
        visitor.depth(nearer=2): "depth_size_implausible",
    }
    for depth, code in declined.items():
        assert await pay(depth) == (200, "declined", code)
    damaged, smaller = visitor.depth()[:-2000], visitor.depth(size=(160, 160))
    assert await pay(damaged) == (422, "", "depth_unreadable")
    assert await pay(smaller) == (422, "", "depth_mismatch")
    assert await shop.balance(member_id) == 5_000
    assert await pay(visitor.depth()) == (200, "paid", "paid")
    assert await shop.balance(member_id) == 3_800


async def test_a_blurred_head_with_depth_vouches_for_no_print_after_it(shop: Shop, visitor: Visitor) -> None:
    await shop.add_member(0)
    await require(shop, shop.gate_id, "depth")
    image = decode_frame(visitor.still(), limits=FrameLimits())
    blurred = jpeg(cv2.GaussianBlur(image, (0, 0), 6).astype(np.uint8))
    shown = variant(people()[0], quality=80)
    assert await send(shop, blurred, depth=visitor.depth()) == ("deny", "low_quality")
    assert await send(shop, blurred, shown, depth=visitor.depth()) == ("deny", "low_quality")


async def test_a_frame_seen_before_opens_nothing_anywhere_until_it_is_forgotten(
    shop: Shop, visitor: Visitor, clock: Clock, app: FastAPI
) -> None:
    await enrol(shop, visitor)
    south = await shop.add_device("gate")
    for device_id in (shop.gate_id, south[0]):
        await require(shop, device_id, "replay")
    frame = visitor.still()
    assert await send(shop, frame) == ("open", "welcome")
    assert await send(shop, frame) == ("deny", "frame_seen_before")
    assert await send(shop, variant(frame, quality=50, scale=0.8), gate=south) == ("deny", "frame_seen_before")
    # The next moment at the same camera looks alike, and is no replay.
    assert await send(shop, visitor.still(noise=1)) == ("deny", "already_inside")
    clock.ahead = timedelta(seconds=11)
    assert await send(shop, visitor.still(noise=2)) == ("deny", "frame_seen_before")
    clock.ahead = timedelta(days=8)
    assert await send(shop, frame) == ("deny", "already_inside")


async def test_one_frame_at_two_gates_at_once_is_taken_once(shop: Shop, visitor: Visitor) -> None:
    await enrol(shop, visitor)
    south = await shop.add_device("gate")
    for device_id in (shop.gate_id, south[0]):
        await require(shop, device_id, "replay")
    frame = visitor.still()
    codes = await asyncio.gather(send(shop, frame), send(shop, variant(frame, quality=80), gate=south))
    assert sorted(codes) == [("deny", "frame_seen_before"), ("open", "welcome")]


async def test_without_a_passive_model_a_device_that_requires_one_serves_nobody(shop: Shop, visitor: Visitor) -> None:
    await enrol(shop, visitor)
    await require(shop, shop.gate_id, "passive")
    assert await send(shop, visitor.still()) == ("deny", "liveness_unmeasured")
    ready = await shop.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"]["liveness"] == "no passive model"


async def test_a_passive_model_decides_where_it_is_set(
    tmp_path: Path, opened_shop: Shop, database_url: str, visitor: Visitor, clock: Clock
) -> None:
    """The tiny model takes what is green rather than blue or red for alive."""
    engine = load_engine(threads=1, liveness_model=write_model(tmp_path / "mini.onnx", outputs=3))
    app = create_app(settings_for(database_url), engine=engine, clock=clock)
    async with app.router.lifespan_context(app), client_of(app) as client:
        shop = await opened_shop.reached_by(client)
        await enrol(shop, visitor)
        await require(shop, shop.gate_id, "passive")
        assert "liveness" not in (await client.get("/readyz")).json()["checks"]
        image = decode_frame(visitor.still(), limits=FrameLimits()).astype(np.float32)
        green, red = (
            jpeg(np.clip(image * tint, 0, 255).astype(np.uint8)) for tint in ((0.9, 1.2, 0.9), (0.9, 0.9, 1.2))
        )
        assert await send(shop, red) == ("deny", "not_live")
        assert await send(shop, green) == ("open", "welcome")


async def test_what_is_over_is_forgotten(shop: Shop, app: FastAPI, visitor: Visitor, clock: Clock) -> None:
    await require(shop, shop.gate_id, "replay")
    await send(shop, visitor.still())
    await challenge(shop)

    async def kept() -> list[int | None]:
        async with app.state.database.begin() as session:
            return [await session.scalar(select(func.count()).select_from(table)) for table in (SeenFrame, Challenge)]

    for days, rows in ((0, [1, 1]), (8, [0, 0])):
        now = clock() + timedelta(days=days)
        await forget_frames(app.state.database, now=now)
        await forget_challenges(app.state.database, now=now)
        assert await kept() == rows
