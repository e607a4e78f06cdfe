"""A party as its own screen and the floor see it: who sits where, what they ordered, and how far that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product
from facepay.dining.items import PartyItem
from facepay.dining.parties import Cover, Party
from facepay.dining.tables import DiningTable
from facepay.kernel.database import Identified
from facepay.members.members import Member

T = TypeVar("T", bound=Identified)


@dataclass(frozen=True, slots=True)
class CoverView:
    """Somebody's place; `member` is None of a guest."""

    cover: Cover
    member: Member | None


@dataclass(frozen=True, slots=True)
class ItemView:
    """`seat` is None of what is for the whole table."""

    item: PartyItem
    sku: str
    seat: int | None


@dataclass(frozen=True, slots=True)
class PartyView:
    """`covers` are those who sit there, `items` also those of people who have left."""

    party: Party
    table: DiningTable
    covers: Sequence[CoverView]
    items: Sequence[ItemView]

    @property
    def host_seat(self) -> int | None:
        return next((each.cover.seat for each in self.covers if each.cover.id == self.party.host_cover_id), None)

    @property
    def total(self) -> int:
        """Of what was ordered and not cancelled, before service and tips."""
        return sum(each.item.price for each in self.items)


async def view_of(session: AsyncSession, party: Party) -> PartyView:
    """As it is now."""
    [view] = await views_of(session, [party])
    return view


async def views_of(session: AsyncSession, parties: Sequence[Party]) -> list[PartyView]:
    """In the same order."""
    ids = [party.id for party in parties]
    covers = (await session.scalars(select(Cover).where(Cover.party_id.in_(ids)).order_by(Cover.seat))).all()
    members = await _by_id(session, Member, {cover.member_id for cover in covers if cover.member_id})
    tables = await _by_id(session, DiningTable, {party.table_id for party in parties})
    ordered = await session.execute(
        select(PartyItem, Product.sku)
        .join(Product, Product.id == PartyItem.product_id)
        .where(PartyItem.party_id.in_(ids), PartyItem.cancelled_at.is_(None))
        .order_by(PartyItem.id)
        .execution_options(populate_existing=True)
    )
    seats = {cover.id: cover.seat for cover in covers}
    items = [ItemView(item, sku, seats[item.cover_id] if item.cover_id else None) for item, sku in ordered]
    seated = [CoverView(cover, members.get(cover.member_id) if cover.member_id else None) for cover in covers]
    return [
        PartyView(
            party,
            tables[party.table_id],
            [each for each in seated if each.cover.party_id == party.id and each.cover.left_at is None],
            [each for each in items if each.item.party_id == party.id],
        )
        for party in parties
    ]


async def _by_id(session: AsyncSession, of: type[T], ids: set[UUID]) -> dict[UUID, T]:
    return {each.id: each for each in await session.scalars(select(of).where(of.id.in_(ids)))}
