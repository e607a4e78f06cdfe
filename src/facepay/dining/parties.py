"""Parties: who sits together at a table, from sitting down to leaving. A cover is a person's place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.products import Allergen
from facepay.dining.tables import DiningTable, tables_led_by
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.hub import notify
from facepay.kernel.ids import new_id


class PartyState(StrEnum):
    SEATED = "seated"
    PAYING = "paying"
    CLOSED = "closed"


class Party(Identified, Base):
    """Those at one table. The host is the cover that stands for whoever pays by nothing of their own."""

    __tablename__ = "dining_party"
    __table_args__ = (
        CheckConstraint("state in ('seated', 'paying', 'closed')", name="state_known"),
        CheckConstraint("(state = 'closed') = (closed_at is not null)", name="closed_at_its_end"),
        # One open party a table, whoever sits down first.
        Index("uq_dining_party_open", "table_id", unique=True, postgresql_where=text("closed_at is null")),
        Index("ix_dining_party_store_id_id", "store_id", "id"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    table_id: Mapped[UUID] = mapped_column(ForeignKey("dining_table.id"))
    state: Mapped[PartyState] = mapped_column(String(8), default=PartyState.SEATED)
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    # Of a cover, which is of this party: no foreign key, or neither of the two could be the first.
    host_cover_id: Mapped[UUID | None]

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class Cover(Identified, Base):
    """A guest is a cover without a member. What they said that they can't eat goes when they leave."""

    __tablename__ = "dining_cover"
    __table_args__ = (
        CheckConstraint("seat > 0", name="seat_counts"),
        CheckConstraint("left_at is null or allergens is null", name="allergens_go"),
        Index("uq_dining_cover_seat", "party_id", "seat", unique=True, postgresql_where=text("left_at is null")),
        # Nobody sits at two tables.
        Index("uq_dining_cover_member", "member_id", unique=True, postgresql_where=text("left_at is null")),
        Index("ix_dining_cover_member_id_id", "member_id", "id"),
    )

    party_id: Mapped[UUID] = mapped_column(ForeignKey("dining_party.id"), index=True)
    seat: Mapped[int]
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))
    allergens: Mapped[list[Allergen] | None] = mapped_column(ARRAY(String(16)))
    seated_at: Mapped[datetime]
    left_at: Mapped[datetime | None]


class PartyNotFound(NotFound):
    """No party sits there, or none with this id."""

    code = "party_not_found"
    title = "No such party"


class CoverNotFound(NotFound):
    """Nobody of this party sits there."""

    code = "cover_not_found"
    title = "Nobody sits there"


class PartyPaying(Conflict):
    """The party is paying: nothing is ordered or changed until that is done or given up."""

    code = "party_paying"
    title = "Party is paying"


async def get_party(session: AsyncSession, party_id: UUID, *, lock: bool = False) -> Party:
    """Open or closed. Raises PartyNotFound."""
    party = await session.get(Party, party_id, with_for_update=lock or None, populate_existing=lock)
    if party is None:
        raise PartyNotFound("There is no party with this id.")
    return party


async def party_at(session: AsyncSession, *, table: DiningTable, lock: bool = False) -> Party:
    """The open party at a table, or at the one that it is merged into. Raises PartyNotFound."""
    query = select(Party).where(Party.table_id == table.leads_id, Party.closed_at.is_(None))
    party = await session.scalar(query.with_for_update() if lock else query)
    if party is None:
        raise PartyNotFound("Nobody sits at this table.")
    return party


async def covers_of(session: AsyncSession, *, party_id: UUID) -> Sequence[Cover]:
    """Who sits there now, by seat."""
    query = select(Cover).where(Cover.party_id == party_id, Cover.left_at.is_(None)).order_by(Cover.seat)
    return (await session.scalars(query)).all()


async def cover_at(session: AsyncSession, *, party_id: UUID, seat: int) -> Cover:
    """Raises CoverNotFound."""
    query = select(Cover).where(Cover.party_id == party_id, Cover.seat == seat, Cover.left_at.is_(None))
    cover = await session.scalar(query)
    if cover is None:
        raise CoverNotFound("Nobody of this party sits there.", seat=seat)
    return cover


async def say_allergens(session: AsyncSession, *, party: Party, seat: int, allergens: Sequence[Allergen]) -> None:
    """For this visit, in place of what was said before. Raises CoverNotFound."""
    cover = await cover_at(session, party_id=party.id, seat=seat)
    cover.allergens = sorted(set(allergens)) or None
    await session.flush()


async def leave_seat(session: AsyncSession, *, cover: Cover, now: datetime) -> None:
    """What a guest said of what they can't eat goes with them."""
    cover.left_at, cover.allergens = now, None
    await session.flush()


async def open_party(session: AsyncSession, *, table: DiningTable, now: datetime) -> Party:
    """The one that sits there, or a new one, locked; so is the table, before. Raises PartyPaying."""
    fresh = {"id": new_id(), "store_id": table.store_id, "table_id": table.leads_id, "state": PartyState.SEATED}
    await session.execute(insert(Party).values(fresh | {"opened_at": now}).on_conflict_do_nothing())
    party = await party_at(session, table=table, lock=True)
    refuse_while_paying(party)
    return party


def refuse_while_paying(party: Party) -> None:
    """Raises PartyPaying, and PartyNotFound for one that has left."""
    if not party.is_open:
        raise PartyNotFound("This party has left.")
    if party.state == PartyState.PAYING:
        raise PartyPaying("The party is paying.")


async def close_party(session: AsyncSession, *, party: Party, now: datetime) -> None:
    """Everybody has left; the party's row is locked. Tables that were merged for it are free, each for itself."""
    for cover in await covers_of(session, party_id=party.id):
        cover.left_at, cover.allergens = now, None
    for table in await tables_led_by(session, table_id=party.table_id):
        table.merged_into_id, table.seat_offset = None, 0
    party.state, party.closed_at = PartyState.CLOSED, now
    await session.flush()
    await tell(session, party)


async def tell(session: AsyncSession, party: Party) -> None:
    """Wake the screens on the party's tables, and the floor's."""
    await notify(session, topic_of_party(party.table_id), topic_of_floor(party.store_id))


def topic_of_party(table_id: UUID) -> str:
    return f"table:{table_id}"


def topic_of_floor(store_id: UUID) -> str:
    return f"floor:{store_id}"
