"""A new master key for bans, while the shop is open."""

from __future__ import annotations

import pytest

from facepay.kernel.secrets import MasterKey
from facepay.watchlist.gallery import protection_of
from facepay.watchlist.rekeying import bans_under_others, rekey_bans
from tests.conftest import MASTER_KEY, OpenApp, client_of
from tests.shop import Shop
from tests.watchlist.desk import Desk

pytestmark = [pytest.mark.anyio, pytest.mark.reopened(watchlist=True)]


async def test_a_new_master_key_moves_bans_and_whoever_waits_and_the_old_one_opens_nothing(
    shop: Shop, open_app: OpenApp
) -> None:
    desk = await Desk.open(shop)
    ban_id = await desk.ban(0)
    await shop.add_member(0)
    await shop.at_gate(0)
    (hit,) = await desk.waiting()
    await desk.answer(hit["id"], "admit")
    both = f"{MasterKey.generate_text()} {MASTER_KEY}"
    database = shop.app.state.database
    new = protection_of(MasterKey.from_text(both))
    async with database.begin() as session:
        assert sum((await bans_under_others(session, protection=new)).values()) == 1
        assert await rekey_bans(session, protection=new) == 1
        assert await bans_under_others(session, protection=new) == {}
    old = (await desk.look(f"hits/{hit['id']}/frame")).json()
    assert old["code"] == "gallery_locked"
    async with client_of(await open_app(watchlist=True, master_key=both)) as client:
        moved = Desk(await shop.reached_by(client), {}, {}, {})
        await moved.sign_in()
        shown = (await moved.look(f"bans/{ban_id}")).json()
        photo = await moved.look(f"bans/{ban_id}/photos/{shown['photo_ids'][0]}")
        assert photo.content[:2] == (await moved.look(f"hits/{hit['id']}/frame")).content[:2] == b"\xff\xd8"
        assert (await moved.shop.at_gate(0)).json()["code"] == "welcome"
