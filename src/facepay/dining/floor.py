"""The floor: all tables of a store, and who sits at them now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.dining.parties import Party
from facepay.dining.tables import DiningTable
from facepay.dining.views import PartyView, views_of
from facepay.stores.stores import get_store

PARTIES_MAX = 500


@dataclass(frozen=True, slots=True)
class Floor:
    """Parties by the table that leads theirs."""

    currency: str
    tables: Sequence[DiningTable]
    parties: dict[UUID, PartyView]
    at: datetime


async def floor_of(session: AsyncSession, *, store_id: UUID, now: datetime) -> Floor:
    """By the tables' names. Raises StoreNotFound."""
    store = await get_store(session, store_id)
    standing = select(DiningTable).where(DiningTable.store_id == store_id, DiningTable.removed_at.is_(None))
    tables = (await session.scalars(standing.order_by(DiningTable.name))).all()
    seated = select(Party).where(Party.store_id == store_id, Party.closed_at.is_(None)).order_by(Party.id)
    parties = (await session.scalars(seated.limit(PARTIES_MAX))).all()
    views = {view.party.table_id: view for view in await views_of(session, parties)}
    return Floor(store.currency, tables, views, now)
