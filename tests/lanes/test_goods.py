"""What a lane makes of thirty tags, however its portal tells of them."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from facepay.lanes.goods import TAGS_MAX
from facepay.lanes.passages import PassageTag
from facepay.lanes.schemas import READS_MAX
from tests.lanes.lane import GOODS, LaneShop, assert_books_verify
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
SOCKS, SCARF = (GOODS[sku][1] for sku in ("SOCKS", "SCARF"))


@pytest.fixture
async def lanes(shop: Shop) -> LaneShop:
    return await LaneShop.open(shop)


async def test_thirty_tags_in_parts_out_of_order_and_repeated_are_thirty_pieces(lanes: LaneShop, app: FastAPI) -> None:
    await lanes.shop.add_member(0, balance=200_000)
    await lanes.shop.at_gate(0)
    tags = [lanes.tag("SOCKS") for _ in range(20)] + [lanes.tag("SCARF") for _ in range(10)]
    strays = [lanes.tag("SOCKS") for _ in range(9)]
    passage = await lanes.start()
    # Each tag answers for two tenths of a second in each of two parts; what lies on the shelf beside it in one alone.
    parts = [(1 + number, [*tags[number::3], *strays[number::3]], 0.5) for number in range(3)]
    parts += [(4 + number, tags[number::3], 1.5) for number in range(3)]
    sent = parts + parts[::2]
    Random(5).shuffle(sent)
    await passage.look(0)
    await asyncio.gather(*(passage.read(*epcs, sequence=part, times=2, after=after) for part, epcs, after in sent))
    paid = await passage.finish(parts=len(parts))
    assert (paid["decision"], paid["total"]) == ("release", 20 * SOCKS + 10 * SCARF)
    sold = [(await lanes.shop.do("GET", f"/v1/tags/{epc}"))["sold"] for epc in (tags[0], tags[29], strays[0])]
    assert sold == [True, True, False]
    await assert_books_verify(app.state.database, SOCKS=20, SCARF=10)


async def test_a_portal_that_reads_more_tags_than_a_passage_can_have_lets_nobody_out_and_nothing_of_it_is_kept(
    lanes: LaneShop, app: FastAPI
) -> None:
    passage = await lanes.start()
    read_at = lanes.opened_at.isoformat()

    def part(sequence: int, tags: int) -> dict[str, Any]:
        reads = [{"epc": f"{tag:024X}", "rssi_dbm": -45, "read_at": read_at} for tag in range(tags)]
        return {"sequence": sequence, "reads": reads}

    refused = await lanes.ask(f"/{passage.id}/reads", json=part(1, READS_MAX))
    assert (refused.status_code, refused.json()["code"], refused.json()["tags_max"]) == (409, "too_many_tags", TAGS_MAX)
    assert (await lanes.ask(f"/{passage.id}/reads", json=part(1, READS_MAX + 1))).status_code == 422
    assert (await lanes.ask(f"/{passage.id}/reads", json=part(1, 10_000))).status_code in (413, 422)
    async with app.state.database.begin() as session:
        assert await session.scalar(select(func.count()).select_from(PassageTag)) == 0

    await passage.read(*(lanes.tag("SOCKS") for _ in range(TAGS_MAX)), times=1)
    refused = await lanes.ask(f"/{passage.id}/reads", json=part(2, 1))
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_tags")
    unfinished = await lanes.ask(f"/{passage.id}/finish", json={"parts": 2})
    assert (unfinished.status_code, unfinished.json()["missing"]) == (409, [2])
