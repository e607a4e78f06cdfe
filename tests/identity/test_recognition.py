"""Bursts, several faces and narrowing, over HTTP with real photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from facepay.calibration.calibration import load_calibration
from facepay.identity.enrolment import FRAMES_MAX
from facepay.identity.policy import Match, NoMatch, Uncertain, policy_for
from facepay.identity.sighting import Outcome, Sighting, Subject, embedding_of, subject_of
from facepay.kernel.auth import Principal
from facepay.kernel.ids import new_id
from facepay.members.members import Member
from facepay.stores.devices import authenticate
from facepay.vision.engine import Engine
from facepay.vision.evidence import FaceEvidence, Floats, FrameEvidence
from facepay.vision.fusion import fuse, least_alike
from tests.answers import verdict
from tests.conftest import OpenApp, OpenShop, client_of
from tests.photos import camera_frame, people, stranger, variant
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
GATE = Principal("device", new_id(), "gate", "gate", frozenset({"gate:decide"}))
TOO_FAR = camera_frame([people()[2]], fill=0.22, width=640, height=360)


def burst_of(number: int) -> list[bytes]:
    """One of the six in changing light, as a camera sends it."""
    settings = ((60, 1.0, 0.8), (70, 0.9, 1.0), (80, 1.1, 1.2))
    return [variant(people()[number], quality=q, scale=s, brightness=b) for q, s, b in settings]


async def send(shop: Shop, frames: Sequence[bytes], key: str | None = None, **fields: str) -> Any:
    """A multipart capture at the gate."""
    return await shop.client.post(
        f"/v1/gates/{shop.gate_id}/entries",
        files=[("frame", ("f.jpg", frame, "image/jpeg")) for frame in frames],
        data=fields,
        headers=shop.gate | ({"Idempotency-Key": key} if key else {}),
    )


async def pay(shop: Shop, number: int, digits: str) -> Any:
    """At the kiosk, by face, after typing the phone's last digits."""
    response = await shop.client.post(
        f"/v1/kiosks/{shop.kiosk_id}/checkouts",
        files={"frame": ("f.jpg", variant(people()[number], quality=80), "image/jpeg")},
        data={"basket": '{"lines":[{"sku":"TEA-001","quantity":1}]}', "phone_last_four": digits},
        headers=shop.kiosk | {"Idempotency-Key": uuid4().hex},
    )
    return response.json()


async def test_a_burst_opens_the_gate_as_its_frames_together_say_without_those_that_are_of_no_use(shop: Shop) -> None:
    await shop.add_member(0)
    answer = (await send(shop, [camera_frame([]), *burst_of(0), TOO_FAR])).json()
    assert (answer["code"], answer["faces"], answer["narrowed_by"]) == ("welcome", 1, None)
    assert answer["similarity"] > answer["threshold"]
    assert 0 < answer["false_positive_rate"] < 1e-3


def test_a_poor_view_of_somebody_else_is_no_view_of_the_member(engine: Engine) -> None:
    member, somebody = engine.analyse(people()[0]), engine.analyse(people()[1])
    face = somebody.faces[0]
    poor = replace(face, quality=replace(face.quality, sharpness=0.01, embedding_norm=40.0))
    evidences = (replace(somebody, faces=(poor,)), member)
    subject = subject_of(evidences, load_calibration("buffalo_sc"))
    assert isinstance(subject, Subject)
    assert np.array_equal(subject.embedding, embedding_of(member.faces[0]))
    match = Match(new_id(), 0.9, 0.4, None, 1, 0.0, "")
    sighting = Sighting(match, evidences, {}, load_calibration("buffalo_sc"))
    assert sighting.best_view == (1, member.faces[0])


async def test_a_burst_of_two_people_is_nobody_and_stays_on_record(shop: Shop) -> None:
    await shop.add_member(0)
    await shop.add_member(1)
    answer = (await send(shop, [*burst_of(0), burst_of(1)[0]])).json()
    assert (answer["decision"], answer["code"], answer["similarity"]) == ("deny", "faces_disagree", None)
    records = await shop.do("GET", f"/v1/stores/{shop.store_id}/gate-attempts")
    assert [record["code"] for record in records["items"]] == ["faces_disagree"]


async def test_a_poor_picture_says_what_the_person_can_do(shop: Shop) -> None:
    await shop.add_member(2)
    answer = (await shop.at_gate(TOO_FAR)).json()
    assert (answer["decision"], answer["code"]) == ("deny", "low_quality")
    assert answer["feedback"][0]["code"] == "come_closer"


def test_the_fused_face_is_more_like_the_person_than_its_frames_are(engine: Engine) -> None:
    enrolled = embedding_of(engine.analyse(people()[0]).faces[0])
    frames = [
        embedding_of(engine.analyse(variant(people()[0], quality=quality, scale=scale)).faces[0])
        for quality, scale in ((30, 0.5), (40, 0.6), (50, 0.7))
    ]
    similarities = [float(frame @ enrolled) for frame in frames]
    fused = fuse(frames, [1.0, 1.0, 1.0])
    assert np.linalg.norm(fused) == pytest.approx(1, abs=1e-6)
    assert float(fused @ enrolled) > np.mean(similarities)
    assert np.allclose(fuse(frames, [0.0, 1.0, 0.0]), frames[1], atol=1e-6)
    pair = least_alike(frames)
    assert pair is not None
    assert pair.similarity == pytest.approx(min(float(frames[i] @ frames[j]) for i, j in ((0, 1), (0, 2), (1, 2))))


async def test_what_a_capture_may_hold_is_bounded_and_said(shop: Shop) -> None:
    frame = camera_frame([])
    assert verdict(await send(shop, [frame] * 11)) == (422, "too_many_frames")
    assert verdict(await send(shop, [])) == (415, "unsupported_media_type")
    assert verdict(await send(shop, [frame], phone_last_four="12a4")) == (422, "invalid_request")
    assert verdict(await send(shop, [frame], challenge_id="none")) == (422, "invalid_request")
    assert verdict(await send(shop, [frame, b""])) == (400, "empty_frame")


async def test_one_key_is_for_one_capture_with_all_its_parts(shop: Shop) -> None:
    frame = camera_frame([])
    assert (await send(shop, [frame], "capture-01")).json()["code"] == "no_face"
    again = await send(shop, [frame], "capture-01")
    assert again.headers["Idempotency-Replayed"] == "true"
    for frames, fields in (([frame, frame], {}), ([frame], {"phone_last_four": "8001"})):
        assert verdict(await send(shop, frames, "capture-01", **fields)) == (422, "idempotency_key_reused")


async def test_of_two_near_faces_the_nearest_is_decided_on(shop: Shop) -> None:
    near = await shop.add_member(2)
    await shop.add_member(0)
    frame = camera_frame([people()[2], people()[0]], fill=0.8)
    answer = (await shop.at_gate(frame)).json()
    assert (answer["code"], answer["faces"], answer["tailgate_suspected"]) == ("welcome", 2, True)
    assert answer["member"]["id"] == near


def like(face: FaceEvidence, other: Floats, cosine: float) -> FaceEvidence:
    """The same face, but as like as this to somebody else."""
    own = embedding_of(face)
    across = own - (own @ other) * other
    embedding = cosine * other + np.sqrt(1 - cosine**2) * across / np.linalg.norm(across)
    return replace(face, embedding=np.asarray(embedding, np.float32))


async def test_whoever_merely_looks_like_lin_is_nobody_while_lin_stands_behind(
    shop: Shop, app: FastAPI, engine: Engine
) -> None:
    lin_id = await shop.add_member(0)
    lin, somebody = engine.analyse(people()[0]), engine.analyse(stranger())

    async def seen(*faces: FaceEvidence) -> Outcome:
        frame = FrameEvidence(1280, 720, faces, engine.pack, {"total": 1.0})
        sighting: Sighting = await app.state.recogniser.judge([frame], device=GATE, use="gate")
        return sighting.outcome

    lookalike = like(somebody.faces[0], embedding_of(lin.faces[0]), 0.5)
    alone = await seen(lookalike)
    assert isinstance(alone, Match)
    assert alone.similarity == pytest.approx(0.5, abs=1e-3)
    assert isinstance(await seen(lookalike, lin.faces[0]), NoMatch)
    for behind in (somebody.faces[0], lookalike):
        found = await seen(lin.faces[0], behind)
        assert isinstance(found, Match)
        assert str(found.member_id) == lin_id


async def test_each_member_is_one_face_of_a_picture_at_most(shop: Shop) -> None:
    members = [await shop.add_member(number) for number in range(3)]
    picture = camera_frame([*people()[:3], people()[0], stranger()], width=1920, height=1080)
    answer = await shop.do(
        "POST",
        f"/v1/stores/{shop.store_id}/identifications",
        content=picture,
        headers={"Content-Type": "image/jpeg"},
    )
    known = [face["member"]["id"] for face in answer["faces"] if face["result"] == "member"]
    assert sorted(known) == sorted(members)
    assert len(answer["faces"]) == 5
    twice = [face for face in answer["faces"] if face["result"] == "unknown" and face["similarity"] > 0.9]
    strangers = [face for face in answer["faces"] if face["result"] == "unknown" and face["similarity"] < 0.3]
    assert (len(twice), len(strangers)) == (1, 1)
    assert strangers[0]["similarity"] < strangers[0]["threshold"]
    assert strangers[0]["false_positive_rate"] > twice[0]["false_positive_rate"]


async def test_a_device_does_not_look_at_everybody(shop: Shop) -> None:
    path = f"/v1/stores/{shop.store_id}/identifications"
    response = await shop.client.post(path, content=people()[0], headers=shop.gate | {"Content-Type": "image/jpeg"})
    assert verdict(response) == (401, "unauthenticated")


async def test_digits_before_the_face_lower_the_threshold(open_shop: OpenShop) -> None:
    shop = await open_shop(pay_chain_fpir_target=1e-7)
    payer = await shop.add_member(0, phone="+8613800138001", balance=10_000)
    for number in range(1, 6):
        await shop.add_member(number)
    chain = (await shop.at_kiosk(0, {"TEA-001": 1})).json()
    narrowed = await pay(shop, 0, "8001")
    assert (narrowed["decision"], narrowed["member"]["id"]) == ("paid", payer)
    assert (chain["narrowed_by"], narrowed["narrowed_by"]) == (None, "phone_last_four")
    assert narrowed["threshold"] < chain["threshold"]


async def test_digits_of_somebody_else_are_wrong_answers_and_lock(shop: Shop) -> None:
    await shop.add_member(0, phone="+8613800138001", balance=10_000)
    await shop.add_member(1, phone="+8613800138002", balance=10_000)
    for digits in ("8002", "8003", "0000", "8002", "9999"):
        answer = await pay(shop, 0, digits)
        assert (answer["decision"], answer["code"], answer["member"]) == ("declined", "wrong_digits", None)
    for digits in ("8001", "8003"):  # locked, right digits and wrong ones are told apart by nobody
        assert (await pay(shop, 0, digits))["code"] == "step_up_impossible"
    assert (await pay(shop, 1, "8002"))["code"] == "paid"


async def test_digits_that_many_know_forgive_no_wrong_pins(shop: Shop, app: FastAPI) -> None:
    member_id = await shop.add_member(0, phone="+8613800138001", pin="7394", balance=10_000)
    failures = select(Member.pin_failures).where(Member.id == UUID(member_id))
    async with app.state.database.begin() as session:
        await session.execute(update(Member).values(pin_failures=4))
    assert (await pay(shop, 0, "8001"))["code"] == "paid"
    async with app.state.database.begin() as session:
        assert await session.scalar(failures) == 4


async def test_a_member_is_searched_among_those_at_home_in_the_stores_region(
    open_app: OpenApp, opened_shop: Shop, engine: Engine
) -> None:
    app = await open_app(gate_fpir_target=1e-6)
    async with client_of(app) as client:
        shop = await opened_shop.reached_by(client)
        members = [await shop.add_member(number) for number in range(6)]
        await shop.do("PATCH", f"/v1/stores/{shop.store_id}", json={"region": "HZ"})
        await shop.do("PATCH", f"/v1/members/{members[0]}", json={"home_region": "HZ"})
        await shop.do("PATCH", f"/v1/members/{members[1]}", json={"home_region": "SH"})
    token = shop.gate["Authorization"].removeprefix("Bearer ")
    gate = await authenticate(app.state.database, app.state.master_key, token, app.state.clock())
    assert gate is not None
    recogniser = app.state.recogniser
    policy = policy_for("gate", recogniser.settings)
    among_few, among_all = (policy.threshold(recogniser.calibration, n) for n in (FRAMES_MAX, len(members)))

    async def seen(number: int, device: Principal) -> Sighting:
        member, somebody = (engine.analyse(photo).faces[0] for photo in (people()[number], stranger()))
        face = like(somebody, embedding_of(member), (among_few + among_all) / 2)
        frame = FrameEvidence(1280, 720, (face,), engine.pack, {"total": 1.0})
        sighting: Sighting = await recogniser.judge([frame], device=device, use="gate")
        return sighting

    at_home = await seen(0, gate)
    assert isinstance(at_home.outcome, Match)
    assert (at_home.narrowed_by, at_home.outcome.threshold) == ("home_region", among_few)
    for elsewhere in (await seen(0, replace(gate, region=None)), await seen(1, gate)):
        assert isinstance(elsewhere.outcome, Uncertain)
        assert (elsewhere.narrowed_by, elsewhere.outcome.threshold) == (None, among_all)


async def test_twins_always_prove_who_they_are(shop: Shop) -> None:
    twins = [await shop.add_member(number, phone=f"+861380013800{number}") for number in (0, 1)]
    body = {"member_ids": twins, "note": "twins"}
    await shop.do("POST", "/v1/lookalikes", json=body)
    asked = (await shop.at_gate(0)).json()
    assert (asked["decision"], asked["code"], asked["member"]) == ("step_up", "lookalike", None)
    path = f"/v1/gates/{shop.gate_id}/entries/{asked['attempt_id']}/step-up"
    opened = (await shop.client.post(path, json={"answer": "8000"}, headers=shop.gate)).json()
    assert (opened["decision"], opened["member"]["id"]) == ("open", twins[0])


async def test_a_device_that_checks_for_replays_refuses_the_same_frame(shop: Shop) -> None:
    await shop.add_member(0)
    await shop.do("PATCH", f"/v1/devices/{shop.gate_id}", json={"presentation_checks": ["replay"]})
    assert (await shop.at_gate(0)).json()["code"] == "welcome"
    again = (await shop.at_gate(0, "exits")).json()
    assert (again["decision"], again["code"]) == ("deny", "frame_seen_before")
    assert again["feedback"][0]["message"]
