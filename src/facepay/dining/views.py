"""A party as its own screen and the floor see it: who sits where, what they ordered, and how far that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product
from facepay.dining.items import PartyItem, items_of
from facepay.dining.parties import Cover, Party, covers_of
from facepay.dining.tables import DiningTable
from facepay.members.members import Member


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
    table = await session.get_one(DiningTable, party.table_id)
    covers = await covers_of(session, party_id=party.id)
    ids = [cover.member_id for cover in covers if cover.member_id]
    found = await session.scalars(select(Member).where(Member.id.in_(ids)))
    members = {member.id: member for member in found}
    seated = [CoverView(cover, members.get(cover.member_id) if cover.member_id else None) for cover in covers]
    return PartyView(party, table, seated, await _items(session, party))


async def _items(session: AsyncSession, party: Party) -> list[ItemView]:
    """Those of people who have left, too."""
    items = await items_of(session, party_id=party.id)
    rows = await session.execute(select(Cover.id, Cover.seat).where(Cover.party_id == party.id))
    seats: dict[UUID, int] = dict(rows.all())
    named = await session.execute(
        select(Product.id, Product.sku).where(Product.id.in_({item.product_id for item in items}))
    )
    skus: dict[UUID, str] = dict(named.all())
    return [ItemView(item, skus[item.product_id], seats[item.cover_id] if item.cover_id else None) for item in items]
