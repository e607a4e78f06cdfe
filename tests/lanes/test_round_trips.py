"""How often a passage with thirty tags asks the database: each time somebody waits at the exit for it."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from tests.checkout.test_round_trips import recorded
from tests.lanes.lane import LaneShop
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_a_passage_asks_the_database_no_more_often_than_it_must(shop: Shop, app: FastAPI) -> None:
    lanes = await LaneShop.open(shop)
    await shop.add_member(0, balance=200_000)
    await shop.at_gate(0)
    await lanes.walk(0, lanes.tag("SOCKS"))  # opens the store's accounts
    await shop.at_gate(0)
    passage = await lanes.start()
    tags = [lanes.tag("SOCKS") for _ in range(20)] + [lanes.tag("SCARF") for _ in range(10)]
    with recorded() as by_reads:
        await passage.read(*tags)
    with recorded() as by_frame:
        assert (await passage.look(0))["money"] == "authorised"
    with recorded() as by_finish:
        assert (await passage.finish())["code"] == "paid"
    for sent, most in ((by_reads, 9), (by_frame, 17), (by_finish, 23)):
        assert len(sent) <= most, "\n".join(sent)
