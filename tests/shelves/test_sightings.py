"""What a shelf's camera sees: a hand in a slot, and whose face is before it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest
import simplejpeg
from sqlalchemy import func, select

from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.members.biometric_uses import BiometricUse
from facepay.shelves.events import ShelfMotion, ShelfPresence
from facepay.shelves.settling import forget_sightings
from facepay.vision.frames import Image
from tests.conftest import Clock
from tests.photos import camera_frame, people, stranger
from tests.shelves.shelf import Shelf, come_in, let_in
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
SHELF: Image = np.random.default_rng(7).integers(60, 180, (60, 80, 3), np.uint8).repeat(6, 0).repeat(6, 1)


def jpeg(image: Image) -> bytes:
    encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=90, colorspace="BGR")
    return encoded


def with_arm(top: int) -> bytes:
    """An arm from below the picture, up to so many pixels from its top, before the slot on the right."""
    image = SHELF.copy()
    image[top:, 380:430] = (120, 150, 215)
    return jpeg(image)


async def show(shelf: Shelf, frame: bytes, *, at: datetime | None = None) -> httpx.Response:
    query = {"at": at.isoformat()} if at else {}
    headers = shelf.headers | {"Content-Type": "image/jpeg"}
    return await shelf.shop.client.post(f"/v1/shelves/{shelf.id}/frames", params=query, content=frame, headers=headers)


async def reach_in(shelf: Shelf, begun: datetime) -> list[dict[str, Any]]:
    """Six frames of the shelf as it is, and four of an arm that reaches into the slot on the right, in two seconds."""
    frames = [jpeg(SHELF)] * 6 + [with_arm(top) for top in (250, 180, 120, 80)]
    return [
        (await show(shelf, frame, at=begun + timedelta(seconds=number * 0.2))).json()
        for number, frame in enumerate(frames)
    ]


async def test_a_hand_is_seen_where_it_reaches_in(shop: Shop, clock: Clock) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop, zones=True)
    begun = clock()
    clock.ahead = timedelta(seconds=4)  # so that all of it has happened
    seen = await reach_in(shelf, begun)
    assert [each["slots"] for each in seen[:6]] == [[]] * 6
    assert "A3" in {slot for each in seen[6:] for slot in each["hands"]}
    taken = (begun + timedelta(seconds=3)).isoformat()
    await shelf.tell(*(shelf.event(slot, grams, at=taken) for slot, grams in (("A3", -410.0), ("A1", -512.0))))
    assert await shelf.basket(visit) == {"TEA-001": (0, 1), "UMB-003": (1, 1)}  # nobody reached for the tea


async def test_the_face_before_the_shelf_says_who_took_it_unless_there_are_two(shop: Shop) -> None:
    _, one = await come_in(shop, 0)
    _, two = await come_in(shop, 1)
    shelf = await Shelf.put_up(shop)
    assert (await show(shelf, camera_frame([people()[1]]))).json()["people"] == 1
    await shelf.tell(shelf.event("A1", -512.0))
    assert (await shelf.basket(one), await shelf.basket(two)) == ({}, {"TEA-001": (1, 1)})

    other = await Shelf.put_up(shop)
    assert (await show(other, camera_frame([people()[0], people()[1]]))).json()["people"] == 2
    await other.tell(other.event("A3", -410.0))
    (review,) = await other.reviews()
    assert review["sources"]["who"] == "several_faces"


async def test_a_face_serves_only_those_inside_and_every_use_of_it_is_noted_and_forgotten_after_a_day(
    shop: Shop, database: Database
) -> None:
    member, _ = await come_in(shop, 0)
    shelf = await Shelf.put_up(shop)
    before = await uses(database)
    assert (await show(shelf, camera_frame([stranger()]))).json()["people"] == 0
    assert await uses(database) == before
    assert (await show(shelf, camera_frame([people()[0]]))).json()["people"] == 1
    assert (await show(shelf, camera_frame([people()[0]]))).json()["people"] == 0  # known to be there
    assert await uses(database) == before + 1
    await shop.do("DELETE", f"/v1/members/{member}/face")
    async with database.begin() as session:
        presence = (await session.scalars(select(ShelfPresence))).one()
        presence.seen_at -= timedelta(minutes=1)
    assert (await show(shelf, camera_frame([people()[0]]))).json()["people"] == 0

    for now, left in ((utc_now(), 1), (utc_now() + timedelta(days=1, minutes=1), 0)):
        await forget_sightings(database, now=now)
        async with database.begin() as session:
            assert len((await session.scalars(select(ShelfPresence))).all()) == left
            assert len((await session.scalars(select(ShelfMotion))).all()) == left


async def uses(database: Database) -> int:
    async with database.begin() as session:
        return await session.scalar(select(func.count()).select_from(BiometricUse)) or 0


async def test_only_pictures_are_looked_at(shop: Shop) -> None:
    shelf = await Shelf.put_up(shop, zones=True)
    assert (await show(shelf, b"no picture")).json()["code"] == "unsupported_image_type"
    shelf.headers = shop.kiosk
    assert (await show(shelf, jpeg(SHELF))).json()["code"] == "insufficient_scope"
