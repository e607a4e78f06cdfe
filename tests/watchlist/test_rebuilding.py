"""A new model pack for bans, while the old one still looks out."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from facepay.templates.protection import Floats
from facepay.templates.rebuilding import Look
from facepay.vision.engine import Engine
from facepay.vision.evidence import FaceQuality
from facepay.watchlist.bans import BanFace
from facepay.watchlist.rebuilding import drop_other_packs, rebuild_bans
from tests.shop import Shop
from tests.watchlist.desk import Desk

pytestmark = [pytest.mark.anyio, pytest.mark.reopened(watchlist=True)]
NEW_PACK = "other@00000000"


def looking_with(engine: Engine) -> Look:
    async def look(photo: bytes) -> tuple[Floats, FaceQuality] | None:
        face = engine.analyse(photo).faces[0]
        return None if face.embedding is None else (face.embedding, face.quality)

    return look


async def test_photos_of_bans_get_templates_of_a_new_pack_beside_the_old(shop: Shop, engine: Engine) -> None:
    desk = await Desk.open(shop)
    await desk.ban(0)
    state = shop.app.state

    async def see_nothing(_: bytes) -> None:
        return None

    async def packs() -> list[str]:
        async with state.database.begin() as session:
            return sorted(await session.scalars(select(BanFace.pack)))

    look, of_bans = looking_with(engine), state.watchlist_protection
    done, unseen = await rebuild_bans(state.database, protection=of_bans, pack=NEW_PACK, look=see_nothing)
    assert (done, len(unseen)) == (0, 1)
    assert await rebuild_bans(state.database, protection=of_bans, pack=NEW_PACK, look=look) == (1, [])
    assert await rebuild_bans(state.database, protection=of_bans, pack=NEW_PACK, look=look) == (0, [])
    assert await packs() == sorted([engine.pack, NEW_PACK])
    assert (await desk.shop.at_gate(0)).json()["code"] == "please_wait"
    async with state.database.begin() as session:
        await drop_other_packs(session, pack=NEW_PACK)
    assert await packs() == [NEW_PACK]


async def test_a_third_pack_takes_each_photo_once(shop: Shop, engine: Engine) -> None:
    desk = await Desk.open(shop)
    await desk.ban(0)
    state = shop.app.state
    look, of_bans = looking_with(engine), state.watchlist_protection
    for pack in (NEW_PACK, "third@00000000"):
        assert await rebuild_bans(state.database, protection=of_bans, pack=pack, look=look) == (1, [])
    async with state.database.begin() as session:
        assert len(list(await session.scalars(select(BanFace.id)))) == 3
