"""Paying by face on the web: whoever is to pay, alive, before their own camera, and nobody else."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import cv2
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, insert, select, update

from facepay.identity.lookalikes import Lookalike, pair_of
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.members.biometric_uses import BiometricUse
from facepay.online.by_face import draw_for_payer
from facepay.online.intents import PaymentIntent
from facepay.vision.frames import FrameLimits, decode_frame
from facepay.vision.liveness.challenge import Action
from tests.answers import verdict
from tests.conftest import Clock
from tests.online.web import PIN, Person, WebShop, came_to
from tests.photos import camera_frame, people
from tests.presentation.test_presentation import jpeg

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


def beside(frame: bytes, other: bytes) -> bytes:
    """The same frame with somebody else far behind."""
    image = decode_frame(frame, limits=FrameLimits()).copy()
    small = cv2.resize(decode_frame(other, limits=FrameLimits()), (image.shape[1] // 4, image.shape[0] // 4))
    image[: small.shape[0], : small.shape[1]] = small
    return jpeg(image)


async def test_a_member_pays_by_smiling_once_and_the_page_is_told_nothing_of_them(
    web: WebShop, person: Person, database: Database
) -> None:
    member = await web.with_payer(person)
    page = await web.ask(metadata={"customer": "Person 0"})
    shown = await page.see()
    assert (shown["ways"], shown["ways_needed"], shown["attempts_left"]) == (["face"], 1, 3)
    assert (shown["shop"], shown["return_url"]) == ("Xixi Road", None)
    assert not {"member_id", "metadata", "client_secret", "order_id"} & shown.keys()
    challenge_id, steps = await page.challenge()
    frames = person.burst(*steps, moment=0)
    seen, paid = await page.call("GET", "intent"), await page.send(frames, challenge_id)
    assert came_to(paid) == ("succeeded", None)
    for answer in (seen, paid):
        assert answer.headers["Cache-Control"] == "no-store"
        assert member not in answer.text
        assert "Person 0" not in answer.text
    for again in (await page.send(frames, challenge_id), await page.call("POST", "challenges")):
        assert verdict(again) == (409, "payment_intent_unexpected_state")
    assert (await page.see())["status"] == "succeeded", "a link that was used shows what came of it"
    assert await web.shop.balance(member) == 50_000 - 12_900
    of_staff = await web.shop.do("GET", f"/v1/stores/{web.shop.store_id}/payment-intents/{page.id}")
    (attempt,) = of_staff["attempts"]
    assert (attempt["way"], attempt["code"]) == ("face", "succeeded")
    assert attempt["similarity"] > attempt["threshold"] > 0.3
    assert attempt["basis"].startswith("verify:1e-05 ")
    async with database.read() as session:
        used = (await session.scalars(select(BiometricUse).where(BiometricUse.reference_id == UUID(page.id)))).one()
    assert (str(used.member_id), used.use) == (member, "verified")


async def test_no_other_face_pays_nor_a_photo_nor_one_swapped_midway_and_nobody_is_recognised(
    web: WebShop, person: Person, somebody_else: Person, database: Database
) -> None:
    other = await web.with_payer(somebody_else, number=1)
    member = await web.with_payer(person)
    page = await web.ask()
    answer = await page.smile(somebody_else)
    assert came_to(answer) == ("requires_action", "face_not_verified")
    assert answer.json()["attempts_left"] == 2
    challenge_id, _ = await page.challenge()
    photo = await page.send([person.frame(Action.SMILE, moment) for moment in range(4)], challenge_id)
    assert came_to(photo) == ("requires_action", "challenge_incomplete")
    assert photo.json()["attempts_left"] == 1
    challenge_id, steps = await page.challenge()
    swapped = [person.frame(None, 0), *somebody_else.burst(*steps, moment=0)[1:]]
    assert came_to(await page.send(swapped, challenge_id)) == ("canceled", "challenge_face_swapped")
    assert (await web.see(page.id))["cancellation_reason"] == "failed_verification"
    assert verdict(await page.call("POST", "challenges")) == (409, "payment_intent_unexpected_state")
    assert [await web.shop.balance(each) for each in (member, other)] == [50_000, 50_000]
    async with database.read() as session:
        theirs = BiometricUse.member_id.in_([UUID(member), UUID(other)])
        uses = (await session.scalars(select(BiometricUse.use).where(theirs))).all()
    assert set(uses) == {"enrolled"}


async def test_the_nearest_face_pays_whoever_stands_behind(web: WebShop, person: Person, somebody_else: Person) -> None:
    """Others in the picture are neither recognised nor in the way."""
    await web.with_payer(person)
    page = await web.ask()
    challenge_id, steps = await page.challenge()
    burst = [beside(frame, people()[1]) for frame in person.burst(*steps, moment=1)]
    assert came_to(await page.send(burst, challenge_id)) == ("succeeded", None)


async def test_a_film_that_was_sent_for_another_payment_pays_nothing_however_often(
    web: WebShop, person: Person, database: Database
) -> None:
    await web.with_payer(person)
    first, second = await web.ask(), await web.ask()
    challenge_id, steps = await first.challenge()
    film = person.burst(*steps, moment=0)
    assert came_to(await first.send(film, challenge_id)) == ("succeeded", None)
    asked_again = update(PaymentIntent).where(PaymentIntent.id == UUID(second.id))
    async with database.begin() as session:
        await session.execute(asked_again.values(challenge_steps=list(steps)))
    saved_again = [person.frame(action, 98) for action in (None, *steps)]
    for frames in (film, saved_again, saved_again):
        challenge_id, asked = await second.challenge()
        assert asked == steps
        assert came_to(await second.send(frames, challenge_id)) == ("requires_action", "frame_seen_before")
    assert (await second.see())["attempts_left"] == 3


async def test_whoever_tries_again_may_sit_as_still_as_before_but_films_anew(
    web: WebShop, person: Person, clock: Clock
) -> None:
    member = await web.with_payer(person, balance=1)
    page = await web.ask()
    challenge_id, steps = await page.challenge()
    film = person.burst(*steps, moment=90)
    assert came_to(await page.send(film, challenge_id)) == ("requires_action", "insufficient_funds")
    clock.ahead = timedelta(seconds=15)
    await web.shop.top_up(member, 12_900)
    challenge_id, _ = await page.challenge()
    assert came_to(await page.send(film, challenge_id)) == ("requires_action", "frame_seen_before")
    assert came_to(await page.smile(person)) == ("succeeded", None)


async def test_a_challenge_is_answered_once_in_time_and_for_its_own_payment(
    web: WebShop, person: Person, somebody_else: Person, clock: Clock
) -> None:
    await web.with_payer(person)
    one, other = await web.ask(), await web.ask()
    theirs, steps = await other.challenge()
    burst = somebody_else.burst(*steps, moment=0)
    assert came_to(await one.send(burst, theirs)) == ("requires_action", "challenge_unknown")
    late, steps = await one.challenge()
    clock.ahead = timedelta(seconds=21)
    assert came_to(await one.send(person.burst(*steps, moment=1), late)) == ("requires_action", "challenge_expired")
    assert (await one.see())["attempts_left"] == 3
    spent, steps = await one.challenge()
    still = [person.frame(None, 2)] * 3
    assert came_to(await one.send(still, spent)) == ("requires_action", "challenge_incomplete")
    assert came_to(await one.send(person.burst(*steps, moment=3), spent)) == ("requires_action", "challenge_spent")


async def test_what_is_asked_stays_the_same_until_it_was_tried(web: WebShop, person: Person) -> None:
    """Or else whoever has a film of the member would ask on until it fits."""
    await web.with_payer(person)
    page = await web.ask()
    asked = [tuple((await page.challenge())[1]) for _ in range(4)]
    assert len(set(asked)) == 1
    drawn = {tuple(draw_for_payer(expressions=True)) for _ in range(100)}
    smile, left, right = Action.SMILE, Action.TURN_LEFT, Action.TURN_RIGHT
    assert drawn == {(smile, left), (left, smile), (smile, right), (right, smile)}


async def test_without_consent_or_with_a_lookalike_only_the_pin_is_left(
    web: WebShop, person: Person, database: Database
) -> None:
    member = await web.with_payer(person, pin=PIN)
    page = await web.ask()
    challenge_id, steps = await page.challenge()
    assert (await page.see())["ways"] == ["face", "pin"]
    one, two = pair_of(UUID(member), UUID(await web.shop.add_member(1, enrol=False)))
    alike = {"member_a": one, "member_b": two, "reason": "measured", "similarity": 0.5, "marked_at": utc_now()}
    async with database.begin() as session:
        await session.execute(insert(Lookalike).values(alike))
    assert (await page.see())["ways"] == ["pin"]
    async with database.begin() as session:
        await session.execute(delete(Lookalike))
    assert (await page.see())["ways"] == ["face", "pin"]
    await web.shop.do("DELETE", f"/v1/members/{member}/face")
    assert (await page.see())["ways"] == ["pin"]
    assert verdict(await page.send(person.burst(*steps, moment=0), challenge_id)) == (409, "payment_way_not_open")
    assert came_to(await page.type(PIN)) == ("succeeded", None)


async def test_what_cannot_be_read_or_shows_nobody_is_no_attempt(web: WebShop, person: Person) -> None:
    await web.with_payer(person)
    page = await web.ask()
    challenge_id, _ = await page.challenge()
    for count, data, code in [
        (2, {"challenge_id": challenge_id}, (400, "frame_missing")),
        (11, {"challenge_id": challenge_id}, (422, "too_many_frames")),
        (3, {}, (422, "invalid_request")),
        (3, {"challenge_id": "x"}, (422, "invalid_request")),
    ]:
        sent = [("frame", ("frame.jpg", person.frame(None, number % 3), "image/jpeg")) for number in range(count)]
        assert verdict(await page.call("POST", "confirmations", files=sent, data=data)) == code
    assert verdict(await page.send([b"\xff\xd8\xff\xe0 broken"] * 3, challenge_id)) == (422, "corrupt_image")
    assert (await page.see())["status"] == "requires_action"
    nobody = await page.send([camera_frame([])] * 3, challenge_id)
    assert came_to(nobody) == ("requires_action", "challenge_face_lost")
    assert nobody.json()["attempts_left"] == 3
    assert came_to(await page.smile(person)) == ("succeeded", None)


async def test_a_server_that_is_busy_or_cannot_measure_liveness_gives_the_payment_back_to_its_payer(
    web: WebShop, app: FastAPI, person: Person
) -> None:
    await web.with_payer(person)
    page, state = await web.ask(), app.state
    room, state.inference.queue_max = state.inference.queue_max, -state.inference.workers
    assert verdict(await page.smile(person)) == (503, "overloaded")
    state.inference.queue_max = room
    shown = await page.see()
    assert (shown["status"], shown["attempts_left"], shown["last_payment_error"]) == ("requires_action", 3, None)
    settings, state.settings = state.settings, state.settings.model_copy(update={"liveness_model": "elsewhere.onnx"})
    unmeasured = await page.smile(person)
    state.settings = settings
    assert came_to(unmeasured) == ("requires_action", "liveness_unmeasured")
    assert unmeasured.json()["attempts_left"] == 3
    assert came_to(await page.smile(person)) == ("succeeded", None)
