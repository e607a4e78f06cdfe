from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence
from facepay.catalog.epc import Sgtin, decode_sgtin96, encode_sgtin96
from facepay.catalog.products import get_product_by_sku
from facepay.checkout.sold_tags import (
    Piece,
    alert_sold_before,
    claim_tags,
    goods_of,
    release_tags,
)
from facepay.kernel.clock import utc_now
from facepay.kernel.ids import new_id
from tests.checkout.counter import Counter, sold_tags
from tests.locks import somebody_waits

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
TEA_GTIN, NO_GTIN = "06901234567892", "09506000134352"


def tag(serial: int, gtin: str = TEA_GTIN) -> str:
    return encode_sgtin96(Sgtin(gtin, serial, filter=1, company_prefix_length=7))


A, B, C = (tag(serial) for serial in (1, 2, 3))


class Till:
    """A member who buys, and the tags on what they buy."""

    def __init__(self, counter: Counter, member_id: str, tea: UUID) -> None:
        self.counter, self.shop, self.database = counter, counter.shop, counter.database
        self.member_id, self.tea = member_id, tea

    async def order(self) -> UUID:
        return (await self.counter.sold(self.member_id, {"TEA-001": 1})).order.id

    async def claim(self, order_id: UUID, *epcs: str, session: AsyncSession | None = None) -> set[str]:
        wanted = dict.fromkeys(epcs, Piece(self.tea, order_id))
        if session is not None:
            return await claim_tags(session, pieces=wanted, now=utc_now())
        async with self.database.begin() as own:
            return await claim_tags(own, pieces=wanted, now=utc_now())


@pytest.fixture
async def till(counter: Counter) -> Till:
    member_id = await counter.shop.add_member_without_face(balance=100_000)
    async with counter.database.begin() as session:
        tea = await get_product_by_sku(session, "TEA-001")
        tea.gtin = TEA_GTIN
    return Till(counter, member_id, tea.id)


async def test_of_two_lanes_that_read_one_tag_exactly_one_sells_it_and_the_other_hears_which(till: Till) -> None:
    one, other = await till.order(), await till.order()
    for first_pays in (False, True):
        async with till.database.begin() as session:
            assert await till.claim(one, A, B, session=session) == set()
            waiting = asyncio.create_task(till.claim(other, B))
            await somebody_waits(till.database)
            if not first_pays:
                await session.rollback()
        assert await waiting == ({B} if first_pays else set()), first_pays
        if not first_pays:
            async with till.database.begin() as session:
                assert await release_tags(session, order_id=other, now=utc_now()) == {B}
    assert await till.claim(other, B, C) == {B}
    assert await till.claim(one, A) == {A}
    async with till.database.read() as session:
        assert await sold_tags(session) == {A, B, C}


async def test_lanes_with_the_same_tags_never_wait_in_a_circle(till: Till) -> None:
    order_id, tags = await till.order(), [tag(serial) for serial in range(30)]
    answers = await asyncio.gather(*(till.claim(order_id, *(tags[cut:] + tags[:cut])) for cut in range(0, 30, 5)))
    assert sorted(len(sold) for sold in answers) == [0, 30, 30, 30, 30, 30]


async def test_a_piece_that_came_back_is_sold_again(till: Till) -> None:
    first, second = await till.order(), await till.order()
    await till.claim(first, A, B)
    async with till.database.begin() as session:
        assert await release_tags(session, order_id=first, epcs=[B, C], now=utc_now()) == {B}
        assert await release_tags(session, order_id=second, now=utc_now()) == set()
    assert await till.claim(second, A, B) == {A}
    async with till.database.begin() as session:
        assert await release_tags(session, order_id=second, now=utc_now()) == {B}
        assert await release_tags(session, order_id=second, now=utc_now()) == set()
    seen = await till.shop.do("GET", f"/v1/tags/{B}")
    assert [sale["order_id"] for sale in seen["sales"]] == [str(second), str(first)]
    assert not seen["sold"]


async def test_staff_look_up_the_tag_in_their_hand(till: Till) -> None:
    unsold = await till.shop.do("GET", f"/v1/tags/{A.lower()}")
    assert (unsold["epc"], unsold["gtin"], unsold["serial"], unsold["sku"]) == (A, TEA_GTIN, 1, "TEA-001")
    assert (unsold["sold"], unsold["sales"]) == (False, [])
    assert unsold["uri"] == "urn:epc:id:sgtin:6901234.056789.1"
    order_id = await till.order()
    await till.claim(order_id, A)
    sold = await till.shop.do("GET", f"/v1/tags/{A}")
    assert (sold["sold"], sold["sales"][0]["order_id"]) == (True, str(order_id))
    unknown = await till.shop.do("GET", f"/v1/tags/{tag(1, NO_GTIN)}")
    assert (unknown["gtin"], unknown["sku"], unknown["name"]) == (NO_GTIN, None, None)
    shop = till.shop
    refused = await shop.client.get("/v1/tags/311BA1B300CE0A6A83000000", headers=shop.staff)
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["reason"]) == (422, "epc_unreadable", "other_scheme")
    assert problem["scheme"] == "SSCC-96"
    assert (await shop.client.get(f"/v1/tags/{A}", headers=shop.kiosk)).status_code == 401


async def test_thirty_tags_are_pieces_of_products_unless_these_are_sold_by_weight(till: Till) -> None:
    epcs = [*(tag(serial) for serial in range(29)), tag(1, NO_GTIN)]
    async with till.database.read() as session:
        goods = await goods_of(session, sgtins={epc: decode_sgtin96(epc) for epc in epcs})
    assert goods.quantities == {"TEA-001": 29}
    assert goods.unknown == {tag(1, NO_GTIN)}
    assert {product.id for product in goods.products.values()} == {till.tea}
    weighed = {"sku": "PLUMS", "name": "Plums", "price": 398, "tax_rate_basis_points": 900, "sold_by": "weight"}
    await till.shop.do("POST", "/v1/products", json=weighed | {"gtin": NO_GTIN})
    async with till.database.read() as session:
        goods = await goods_of(session, sgtins={tag(1, NO_GTIN): decode_sgtin96(tag(1, NO_GTIN))})
    assert (goods.quantities, goods.unknown) == ({}, frozenset({tag(1, NO_GTIN)}))


async def test_a_tag_sold_before_is_one_alert_however_often_it_comes(till: Till) -> None:
    for epcs in ([A], [B, A]):
        async with till.database.begin() as session:
            await alert_sold_before(
                session,
                epcs=epcs,
                store_id=UUID(till.shop.store_id),
                device_id=UUID(till.shop.kiosk_id),
                evidence=Evidence("passage", new_id()),
                now=utc_now(),
            )
    alerts = (await till.shop.do("GET", f"/v1/stores/{till.shop.store_id}/alerts"))["items"]
    assert {(alert["kind"], alert["subject"], alert["times"]) for alert in alerts} == {
        ("tag_sold_before", A, 2),
        ("tag_sold_before", B, 1),
    }
