"""What shelves note of a visit."""

from __future__ import annotations

from uuid import UUID

from facepay.catalog.products import get_product_by_sku
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.shelves.baskets import BasketChange
from tests.lanes.lane import LaneShop


async def take(lanes: LaneShop, database: Database, visit_id: str, sku: str) -> None:
    """As the shelves note it, where they are sure."""
    now = utc_now()
    async with database.begin() as session:
        session.add(
            BasketChange(
                store_id=UUID(lanes.shop.store_id),
                visit_id=UUID(visit_id),
                product_id=(await get_product_by_sku(session, sku)).id,
                quantity=1,
                confidence=0.99,
                standing="sure",
                sources={"weight": {}},
                event_at=now,
                created_at=now,
            )
        )
